"""Hugging Face transformers + PEFT doing one GPU benchmark job (jobs.ts), the same work as ours/worker.ts.

Reads the job as JSON from standard input and prints one JSON line per figure as soon as it is measured. The fair
opponent: FlashAttention-2 where it is installed, else SDPA; no activation checkpointing where memory allows it, else
non-reentrant checkpointing; fused AdamW on bfloat16 parameters; bfloat16 adapters; one unpadded row per pass;
generate() with its own cache. Compilation is left out: it takes minutes and recompiles as lengths grow.

    echo '{...}' | python3 bench/gpu/hf_reference.py
"""

import gc
import importlib.util
import json
import os
import statistics
import sys
import time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")

import torch  # noqa: E402  (the allocator's settings are read at import)
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LogitsProcessor, LogitsProcessorList  # noqa: E402

DEVICE = None


def emit(name, figures=None, note=None, failed=None):
    line = {"stage": "bench", "side": "hf", "name": name, "figures": figures or {}}
    if note is not None:
        line["note"] = note
    if failed is not None:
        line["failed"] = failed
    print(json.dumps(line), flush=True)


def synchronize():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def clock():
    synchronize()
    return time.perf_counter()


def reset_peak():
    gc.collect()
    if DEVICE.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_bytes():
    """The allocator's peak on a GPU; on the CPU the process's resident peak."""
    if DEVICE.type == "cuda":
        return torch.cuda.max_memory_allocated()
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def out_of_memory(error):
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()


def build(c, dtype):
    """Gemma3ForCausalLM of the job's shape with random weights on the device, and its attention."""
    rope = {
        "full_attention": {"rope_type": "default", "rope_theta": c["ropeThetaGlobal"]},
        "sliding_attention": {"rope_type": "default", "rope_theta": c["ropeThetaLocal"]},
    }
    if c["ropeFactorGlobal"] != 1:
        rope["full_attention"].update(rope_type="linear", factor=c["ropeFactorGlobal"])
    config = Gemma3TextConfig(
        vocab_size=c["vocab"],
        hidden_size=c["hidden"],
        intermediate_size=c["intermediate"],
        num_hidden_layers=c["layers"],
        num_attention_heads=c["heads"],
        num_key_value_heads=c["kvHeads"],
        head_dim=c["headDim"],
        query_pre_attn_scalar=c["queryPreAttnScalar"],
        max_position_embeddings=c["maxPositions"],
        sliding_window=c["slidingWindow"],
        rms_norm_eps=c["rmsEps"],
        layer_types=["full_attention" if g else "sliding_attention" for g in c["layerIsGlobal"]],
        rope_parameters=rope,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
    )
    flash = DEVICE.type == "cuda" and importlib.util.find_spec("flash_attn") is not None
    attention = "flash_attention_2" if flash else "sdpa"
    torch.manual_seed(0)
    with torch.device(DEVICE):
        model = Gemma3ForCausalLM._from_config(config, attn_implementation=attention, dtype=dtype)
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = None
    model.generation_config.bos_token_id = None
    return model, attention


def ids_of(seed, count, vocab):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(8, vocab, (1, count), generator=generator).to(DEVICE)


def training_step(model, optimizer, batches):
    """Seconds of one optimizer step over the micro-batches, and of the optimizer alone."""
    start = clock()
    for ids in batches:
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss / len(batches)
        loss.backward()
    if not torch.isfinite(loss):
        raise RuntimeError(f"the loss is {loss.item()}")
    passes = clock()
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    end = clock()
    return end - start, end - passes


def train_row(model, optimizer, job, row, attention):
    name = ("full fine-tuning" if job["mode"] == "full" else "LoRA") + f", rows of {row}"
    count = max(1, round(job["tokensPerStep"] / row))
    batches = [ids_of(job["seed"] + i, row, job["config"]["vocab"]) for i in range(count)]
    failed = None
    for checkpointing in (False, True):
        if checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        else:
            model.gradient_checkpointing_disable()
        try:
            reset_peak()
            for _ in range(job["warmup"]):
                training_step(model, optimizer, batches)
            steps = [training_step(model, optimizer, batches) for _ in range(job["steps"])]
        except (RuntimeError, torch.OutOfMemoryError) as error:
            failed = "out of memory" if out_of_memory(error) else str(error).splitlines()[0]
            optimizer.zero_grad(set_to_none=True)
            continue
        seconds = statistics.median(whole for whole, _ in steps)
        figures = {
            "tokensPerSecond": count * row / seconds,
            "stepSeconds": seconds,
            "optimizerSeconds": statistics.median(alone for _, alone in steps),
            "peakBytes": peak_bytes(),
        }
        emit(name, figures, f"{attention}, checkpointing {'on' if checkpointing else 'off'}, fused AdamW")
        return
    emit(name, failed=failed)


def train(job):
    model, attention = build(job["config"], getattr(torch, job["dtype"]))
    model.train()
    if job["mode"] == "lora":
        from peft import LoraConfig, get_peft_model

        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        rank = job["loraRank"]
        lora = LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")
        model = get_peft_model(model, lora, autocast_adapter_dtype=False)
        model.enable_input_require_grads()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-6, betas=(0.9, 0.95), weight_decay=0.01, fused=True)
    for row in job["rows"]:
        train_row(model, optimizer, job, row, attention)


class Ticks(LogitsProcessor):
    """The time at which each step's logits were there."""

    def __init__(self):
        self.times = []

    def __call__(self, input_ids, scores):
        self.times.append(clock())
        return scores


@torch.inference_mode()
def generate(job):
    model, attention = build(job["config"], getattr(torch, job["dtype"]))
    model.eval()
    vocab, length = job["config"]["vocab"], job["promptLength"]

    def prefill(index):
        ids = ids_of(job["seed"] + index, length, vocab)
        start = clock()
        logits = model(input_ids=ids, use_cache=True, logits_to_keep=1).logits
        logits[0, -1].argmax().item()
        return clock() - start

    prefill(0)
    seconds = statistics.median(prefill(i) for i in range(1, 4))
    emit(f"prefill, one prompt of {length}", {"tokensPerSecond": length / seconds, "seconds": seconds}, attention)
    for batch in job["hfBatches"]:
        name = f"decode, batch {batch} at {length}"
        rows = torch.cat([ids_of(job["seed"] + i, length, vocab) for i in range(batch)])
        ticks = Ticks()
        reset_peak()
        try:
            out = model.generate(
                input_ids=rows,
                attention_mask=torch.ones_like(rows),
                max_new_tokens=job["newTokens"],
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                logits_processor=LogitsProcessorList([ticks]),
            )
        except (RuntimeError, torch.OutOfMemoryError) as error:
            emit(name, failed="out of memory" if out_of_memory(error) else str(error).splitlines()[0])
            continue
        assert out.shape[1] == length + job["newTokens"], "generation stopped early"
        # The first step after the prompt still warms up.
        steps = len(ticks.times) - 2
        seconds = ticks.times[-1] - ticks.times[1]
        figures = {
            "tokensPerSecond": batch * steps / seconds,
            "stepSeconds": seconds / steps,
            "peakBytes": peak_bytes(),
        }
        emit(name, figures, attention)


if __name__ == "__main__":
    task = json.load(sys.stdin)
    DEVICE = torch.device(task["device"])
    train(task) if task["kind"] == "train" else generate(task)
