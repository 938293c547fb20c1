"""Trains the embedded model's BPE on a corpus of lines and writes tokenizer.json in Gemma's form.

Run:  node --import tsx scripts/tokenizer/corpus.ts > corpus.txt
      python3 scripts/tokenizer/train.py corpus.txt lib/tokenizer/embedded --size 2048
Needs `pip install tokenizers`. The result is kept in the repository: retraining shifts every id, so a
checkpoint records the file's hash and refuses another.

Gemma's shape is kept (space -> U+2581, BPE with byte fallback, turn tokens); one thing is added, a split that
keeps words, two-digit numbers, tags and the fragments of the action grammar whole and the space apart, so that
a name is the same tokens in a task, on a page and in an action. A small model learns to copy only then.
"""
import argparse
import json
import re
from collections import Counter
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"]
BYTES = [f"<0x{i:02X}>" for i in range(256)]
# Order matters: longest fragments first. "\u2581" stands for the space after normalisation.
FRAGMENTS = "|".join([
    r'do\(action="[A-Za-z\u2581]+",\u2581(?:argument|element)="',
    r'do\(action="[A-Za-z\u2581]+"\)',
    r'",\u2581(?:argument|element)="',
    r'exit\(message="',
    r"go_(?:backward|forward)\(\)",
    r'"\)',
    r"</?[a-z][a-z0-9]*(?:\u2581(?:selected|checked))?>",
    r'<[a-z][a-z0-9]*\u2581(?:value|id)="',
    r'">',
    r"[A-Za-z]+",
    r"[0-9]{1,2}",
    r"\u2581",
    r"\n",
    r"[^A-Za-z0-9\u2581\n]",
])


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("corpus", type=Path)
    args.add_argument("out", type=Path)
    args.add_argument("--size", type=int, default=2048)
    given = args.parse_args()

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(FRAGMENTS), behavior="isolated")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    text = given.corpus.read_text(encoding="utf-8")
    lines = text.split("\n")
    # A word counts once however frequent it is: rare words must become whole tokens too, and a merge is
    # worth as much in a word seen twice as in one seen a thousand times.
    pieces = Counter()
    for line in lines:
        for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(line.replace(" ", "\u2581")):
            pieces[piece] += 1
    alphabet = sorted({c for piece in pieces for c in piece} | {chr(c) for c in range(33, 127)} | {"\u2581", "\n"})
    trainer = trainers.BpeTrainer(
        vocab_size=given.size, special_tokens=SPECIAL + BYTES, initial_alphabet=alphabet, min_frequency=1,
        show_progress=False)
    tokenizer.train_from_iterator((p for p in sorted(pieces) for _ in range(2)), trainer)

    spec = json.loads(tokenizer.to_str())
    # Only control tokens stay "added": byte pieces are ordinary vocabulary, as in Gemma.
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] in SPECIAL]
    # Gemma's files have no spaces in merges lists either way; both forms load.
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "tokenizer.json").write_text(
        json.dumps(spec, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    (given.out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "GemmaTokenizerFast", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>",
        "unk_token": "<unk>", "add_bos_token": True, "model_max_length": 2048,
        "clean_up_tokenization_spaces": False}, indent=2) + "\n", encoding="utf-8")

    whole = sum(1 for piece in pieces if len(tokenizer.encode(piece).ids) == 1)
    split = sorted((p for p in pieces if len(tokenizer.encode(p).ids) > 1 and re.match(r"[A-Za-z<]", p)),
                   key=lambda p: -pieces[p])
    print(f"{tokenizer.get_vocab_size()} tokens; {whole} of {len(pieces)} pieces are one token; split: {split[:40]}")


if __name__ == "__main__":
    main()
