"""Hugging Face transformers in eager PyTorch, doing the work of one benchmark suite.

Reads {"shape", "threads", "suite", "variant"} as JSON from standard input and prints one JSON line with the seconds
of every repetition; `variant` is the attention implementation ("eager" or "sdpa"). The fair opponent: fused AdamW,
logits only where the loss is (left padding with logits_to_keep), no logits in prefill but the last, KV cache.

    echo '{...}' | python3 bench/hf_reference.py
"""

import json
import os
import sys
import time

job = json.load(sys.stdin)
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(job["threads"])
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch  # noqa: E402  (thread counts are read at import)
import torch.nn.functional as F  # noqa: E402
from transformers import Gemma3ForCausalLM, Gemma3TextConfig  # noqa: E402

torch.set_num_threads(job["threads"])
PAD = 0


def build(shape, attention):
    rope = {
        "full_attention": {"rope_type": "default", "rope_theta": shape["ropeThetaGlobal"]},
        "sliding_attention": {"rope_type": "default", "rope_theta": shape["ropeThetaLocal"]},
    }
    config = Gemma3TextConfig(
        vocab_size=shape["vocab"],
        hidden_size=shape["hidden"],
        intermediate_size=shape["intermediate"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape["kvHeads"],
        head_dim=shape["headDim"],
        query_pre_attn_scalar=shape["queryPreAttnScalar"],
        max_position_embeddings=shape["maxPositions"],
        sliding_window=shape["slidingWindow"],
        rms_norm_eps=shape["rmsEps"],
        layer_types=["full_attention" if g else "sliding_attention" for g in shape["layerIsGlobal"]],
        rope_parameters=rope,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        bos_token_id=None,
        eos_token_id=None,
    )
    torch.manual_seed(0)
    model = Gemma3ForCausalLM._from_config(config, attn_implementation=attention, dtype=torch.float32)
    model.generation_config.pad_token_id = PAD
    model.generation_config.eos_token_id = None
    model.generation_config.bos_token_id = None
    return model


def clock():
    """Wall and processor seconds, the latter over all threads."""
    return time.perf_counter(), time.process_time()


def since(start):
    return tuple(now - then for now, then in zip(clock(), start))


def left_padded(rows):
    """[B, L] ids and mask, rows aligned at their ends."""
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), PAD)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, longest - len(row) :] = torch.tensor(row)
        mask[i, longest - len(row) :] = 1
    return ids, mask


def train(model, suite):
    """Forward, mean loss over the scored tokens, backward, clipping, fused AdamW; padded batches."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.01, fused=True)
    for batch in suite["batches"]:
        start = clock()
        ids, mask = left_padded([row["ids"] for row in batch])
        longest = ids.shape[1]
        labels = torch.full_like(ids, -100)
        for i, row in enumerate(batch):
            scored = len(row["ids"]) - (row["prompt"] if suite["loss"] == "action" else 1)
            labels[i, longest - scored :] = ids[i, longest - scored :]
        keep = longest
        if suite["loss"] == "action":
            keep = 1 + max(len(row["ids"]) - row["prompt"] for row in batch)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=keep
        ).logits
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, longest - keep + 1 :].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        yield since(start), sum(len(row["ids"]) for row in batch)


@torch.inference_mode()
def prefill(model, suite):
    """One forward that fills the cache and gives the last position's logits."""
    for prompt in suite["prompts"]:
        start = clock()
        logits = model(input_ids=torch.tensor([prompt]), use_cache=True, logits_to_keep=1).logits
        logits[0, -1].argmax().item()
        yield since(start), len(prompt)


@torch.inference_mode()
def sample(model, rows, new_tokens):
    """[B, new_tokens] ids sampled at temperature 1 from the full distribution."""
    ids, mask = left_padded(rows)
    out = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=new_tokens,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
    )
    assert out.shape[1] == ids.shape[1] + new_tokens, "generation stopped early"
    return out[:, ids.shape[1] :].tolist()


def decode(model, suite):
    """Time of all new tokens less the time of one: the rate once prompts are in the cache."""
    for repeat in range(suite["repeats"] + 1):
        start = clock()
        sample(model, suite["prompts"], 1)
        first = since(start)
        start = clock()
        sample(model, suite["prompts"], suite["newTokens"])
        whole = since(start)
        if repeat > 0:
            yield (whole[0] - first[0], whole[1] - first[1]), len(suite["prompts"]) * (suite["newTokens"] - 1)


def turns(model, suite):
    """Whole episodes in lockstep, one generate call per turn over all of them."""
    for _ in range(suite["warmup"] + 3):
        start = clock()
        histories = [[] for _ in suite["episodes"]]
        count = len(suite["episodes"][0]["pages"])
        for turn in range(count):
            rows = [e["head"] + h + e["pages"][turn] + e["tail"] for e, h in zip(suite["episodes"], histories)]
            for history, action in zip(histories, sample(model, rows, suite["newTokens"])):
                history.extend(action)
        yield since(start), count * len(suite["episodes"])


def peak_bytes():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 0


suite = job["suite"]
model = build(job["shape"], job["variant"])
work = {"train": train, "prefill": prefill, "decode": decode, "turns": turns}[suite["kind"]]
if suite["kind"] != "train":
    model.eval()
measured = list(work(model, suite))[suite.get("warmup", 0) :]
print(
    json.dumps(
        {
            "suite": suite["name"],
            "variant": job["variant"],
            "seconds": [wall for (wall, _), _ in measured],
            "cpuSeconds": [cpu for (_, cpu), _ in measured],
            "units": [units for _, units in measured],
            "peakBytes": peak_bytes(),
        }
    )
)
