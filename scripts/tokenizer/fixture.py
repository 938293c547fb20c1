"""Ids of fixed strings by the reference implementation, for test/tokenizer.

Run:  python3 scripts/tokenizer/fixture.py lib/tokenizer/embedded test/fixtures/tokenizer/embedded.json
Needs `pip install tokenizers`.
"""
import hashlib
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer

TEXTS = [
    "", " ", "  two  spaces ", "\n\n", 'Order "blue mug" with "express" shipping.',
    'do(action="Click", element="red lamp")', 'do(action="Search", element="search", argument="grey pen")',
    'do(action="Select Dropdown Option", element="sort", argument="price")', 'do(action="Press Enter")',
    'exit(message="55")', "go_backward()", "go_forward()", '<input value="2">quantity</input><b>1234</b>',
    "<select>sort<option selected>name</option></select>", '<a id="7"> Orders </a>', "caf\u00e9 \U0001f600 \u4e2d\u6587",
    "tab\tand\rreturn", "<not a tag", 'quote " and > alone', "CamelCase99x", "user\nmodel\n # failed",
]

path = Path(sys.argv[1]) / "tokenizer.json"
tokenizer = Tokenizer.from_file(str(path))
digest = hashlib.sha256(path.read_bytes()).hexdigest()
out = Path(sys.argv[2])
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(json.dumps(
    [{"text": t, "ids": tokenizer.encode(t, add_special_tokens=False).ids, "hash": digest} for t in TEXTS],
    ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
