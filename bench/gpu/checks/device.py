"""What the device and its libraries do, before anything of mira runs: versions, FlashAttention-2 at head dimension 256
(packed, windowed, grouped; over slots with used lengths; in a CUDA graph), GEMM and copy rates of 12B's shapes.

Reads {"device"} as JSON from standard input and prints one JSON line per probe. Without a GPU only versions and a GEMM
rate are to be had; the other probes are not reported.

    echo '{"device": "cuda"}' | python3 bench/gpu/checks/device.py
"""

import json
import os
import shutil
import subprocess
import sys

import torch

HEADS, KV_HEADS, DIM, SCALE = 16, 8, 256, 1 / 16
GLOBAL, LOCAL = (-1, -1), (1023, 0)


def emit(name, ok=None, note=None, **figures):
    line = {"stage": "probe", "name": name, "figures": {k: float(v) for k, v in figures.items()}}
    if ok is not None:
        line["ok"] = bool(ok)
    if note is not None:
        line["note"] = note
    print(json.dumps(line), flush=True)


def probe(function):
    """A probe that raises is red, with the first line of what it said."""
    try:
        function()
    except Exception as error:  # noqa: BLE001 (a probe reports whatever happens)
        emit(function.__doc__.splitlines()[0], ok=False, note=f"{type(error).__name__}: {str(error).splitlines()[0]}")


def version_of(program, *arguments):
    beside = os.path.join(os.path.dirname(sys.executable), program)
    path = shutil.which(program) or (beside if os.path.exists(beside) else None)
    if path is None and os.path.exists(f"/usr/local/cuda/bin/{program}"):
        path = f"/usr/local/cuda/bin/{program}"
    if path is None:
        return f"no {program}"
    said = subprocess.run([path, *(arguments or ("--version",))], capture_output=True, text=True, timeout=60)
    return next((line for line in said.stdout.splitlines()[::-1] if any(c.isdigit() for c in line)), program).strip()


def versions():
    """versions"""
    schema = str(torch.ops.aten._flash_attention_forward.default._schema)
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    tools = ", ".join([version_of("g++"), version_of("cmake"), version_of("nvcc")])
    emit(
        "versions",
        ok=(2, 11) <= (major, minor) <= (2, 14) and "window_size_left" in schema and "seqused_k" in schema,
        note=f"torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}; {tools}",
        hasBlockTable="block_table" in schema,
        hasNumSplits="num_splits" in schema,
    )


def seconds(function, repeats=10):
    """Median device time of one call; the host's on the CPU."""
    if DEVICE.type != "cuda":
        import time

        function()
        start = time.perf_counter()
        function()
        return time.perf_counter() - start
    for _ in range(3):
        function()
    times = []
    for _ in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        function()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1000)
    return sorted(times)[len(times) // 2]


def flash(q, k, v, starts, longest, window, causal=True, used=None, starts_k=None, longest_k=None):
    return torch.ops.aten._flash_attention_forward(
        q, k, v, starts, starts if starts_k is None else starts_k, longest, longest_k or longest, 0.0, causal, False,
        scale=SCALE, window_size_left=None if window == GLOBAL else window[0],
        window_size_right=None if window == GLOBAL else window[1], seqused_k=used,
    )[0]  # fmt: skip


def starts_of(lengths):
    return torch.tensor([0, *lengths], device=DEVICE).cumsum(0).to(torch.int32)


def packed(tokens, dtype=torch.bfloat16):
    make = lambda heads: torch.randn(tokens, heads, DIM, device=DEVICE, dtype=dtype)  # noqa: E731
    return make(HEADS), make(KV_HEADS), make(KV_HEADS)


def math(q, k, v, lengths, window):
    """The same in float32, row by row with an explicit mask."""
    rows, start = [], 0
    for n in lengths:
        heads = lambda t: t[start : start + n].float().transpose(0, 1)  # noqa: B023, E731
        grouped = lambda t: heads(t).repeat_interleave(HEADS // KV_HEADS, 0)  # noqa: B023, E731
        i, j = torch.arange(n, device=DEVICE)[:, None], torch.arange(n, device=DEVICE)[None]
        hidden = j > i
        if window != GLOBAL:
            hidden = hidden | (i - j > window[0])
        scores = (heads(q) @ grouped(k).transpose(1, 2) * SCALE).masked_fill(hidden, float("-inf"))
        rows.append((scores.softmax(-1) @ grouped(v)).transpose(0, 1))
        start += n
    return torch.cat(rows)


def error(got, want):
    return ((got.float() - want.float()).norm() / want.float().norm()).item() if got.isfinite().all() else float("1e308")


def flash_right():
    """FlashAttention at 256, packed, forward and backward"""
    lengths = [1500, 1, 548, 1100]
    for window in (GLOBAL, LOCAL):
        inputs = [t.requires_grad_(True) for t in packed(sum(lengths))]
        copies = [t.detach().float().requires_grad_(True) for t in inputs]
        out = flash(*inputs, starts_of(lengths), max(lengths), window)
        want = math(*copies, lengths, window)
        cotangent = torch.randn_like(out)
        got_grads = torch.autograd.grad(out, inputs, cotangent)
        want_grads = torch.autograd.grad(want, copies, cotangent.float())
        errors = [error(a, b) for a, b in zip((out, *got_grads), (want, *want_grads))]
        emit(
            f"FlashAttention at 256, packed, {'global' if window == GLOBAL else 'window 1024'}, beside float32",
            ok=max(errors) < 1e-2,
            forwardError=errors[0],
            gradientError=max(errors[1:]),
            bound=1e-2,
        )


def flash_speed():
    """FlashAttention at 256, speed"""
    for tokens in (2048, 8192, 32768):
        for window in (GLOBAL, LOCAL):
            inputs = [t.requires_grad_(True) for t in packed(tokens)]
            starts = starts_of([tokens])
            out = flash(*inputs, starts, tokens, window)
            cotangent = torch.randn_like(out)
            with torch.no_grad():
                forward = seconds(lambda: flash(*inputs, starts, tokens, window))
            backward = seconds(lambda: torch.autograd.grad(out, inputs, cotangent, retain_graph=True))
            ramp = min(tokens, 1024) if window != GLOBAL else tokens
            flops = 4 * HEADS * DIM * (ramp * (ramp + 1) / 2 + (tokens - ramp) * ramp)
            emit(
                f"FlashAttention at 256, {tokens} tokens, {'global' if window == GLOBAL else 'window 1024'}",
                forwardFlopsPerSecond=flops / forward,
                backwardFlopsPerSecond=2.5 * flops / backward,
            )


def flash_repeats():
    """FlashAttention backward, deterministic mode repeats its bits"""
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        inputs = [t.requires_grad_(True) for t in packed(4096)]
        out = flash(*inputs, starts_of([4096]), 4096, LOCAL)
        cotangent = torch.randn_like(out)
        runs = [torch.autograd.grad(out, inputs, cotangent, retain_graph=True) for _ in range(3)]
        same = all(torch.equal(a, b) for run in runs[1:] for a, b in zip(runs[0], run))
        emit("FlashAttention backward, deterministic mode repeats its bits", ok=same)
    finally:
        torch.use_deterministic_algorithms(False)


def slots(batch, limit):
    """One query per slot over [batch, limit] keys of which `used` count."""
    q, _, _ = packed(batch)
    _, k, v = packed(batch * limit)
    used = (torch.arange(batch, device=DEVICE) * 977 % (limit - 1) + 1).to(torch.int32)
    one_each = torch.arange(batch + 1, device=DEVICE, dtype=torch.int32)
    starts_k = one_each * limit
    run = lambda: flash(q, k, v, one_each, 1, GLOBAL, causal=False, used=used, starts_k=starts_k, longest_k=limit)  # noqa: E731
    return q, k, v, used, run


def slots_right():
    """decode over slots with used lengths"""
    for batch in (1, 4, 32, 64):
        limit = 4096
        q, k, v, used, run = slots(batch, limit)
        out = run()
        want = torch.cat(
            [
                torch.softmax(
                    q[b].float()[:, None] @ k[b * limit : b * limit + n].float().repeat_interleave(2, 1).permute(1, 2, 0) * SCALE, -1
                ).matmul(v[b * limit : b * limit + n].float().repeat_interleave(2, 1).transpose(0, 1)).transpose(0, 1)
                for b, n in enumerate(used.tolist())
            ]
        )  # fmt: skip
        name = f"decode attention over {batch} slots with used lengths, beside float32"
        emit(name, ok=error(out, want) < 1e-2, relativeError=error(out, want), bound=1e-2)


def slots_graph():
    """decode attention in a CUDA graph follows new lengths"""
    *_, used, run = slots(32, 4096)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = run()
    used.copy_(used.flip(0))
    graph.replay()
    torch.cuda.synchronize()
    emit(
        "decode attention in a CUDA graph follows new lengths",
        ok=torch.equal(captured, run()),
        replaySeconds=seconds(graph.replay),
        eagerSeconds=seconds(run),
    )


def gemm_rates():
    """GEMM rates"""
    shapes = {"qkv": (8192, 3840), "o": (3840, 4096), "gate and up": (30720, 3840), "down": (3840, 15360), "head": (262208, 3840)}
    if DEVICE.type != "cuda":
        shapes = {"qkv": (512, 256)}
    for name, (outputs, inputs) in shapes.items():
        weight = torch.randn(outputs, inputs, device=DEVICE, dtype=torch.bfloat16)
        figures = {}
        for rows in (2048, 8192) if DEVICE.type == "cuda" and name != "head" else (256, 1024):
            x = torch.randn(rows, inputs, device=DEVICE, dtype=torch.bfloat16)
            figures[f"rows{rows}FlopsPerSecond"] = 2 * rows * outputs * inputs / seconds(lambda: x @ weight.t())
        for rows in (1, 8, 32, 64) if DEVICE.type == "cuda" else ():
            x = torch.randn(rows, inputs, device=DEVICE, dtype=torch.bfloat16)
            figures[f"rows{rows}ReadBytesPerSecond"] = 2 * outputs * inputs / seconds(lambda: x @ weight.t())
        emit(f"GEMM, {name} [{outputs}, {inputs}]", **figures)


def float32_logits():
    """bfloat16 GEMM with float32 output"""
    x = torch.randn(256, 3840, device=DEVICE, dtype=torch.bfloat16)
    weight = torch.randn(4096, 3840, device=DEVICE, dtype=torch.bfloat16)
    out = torch.mm(x, weight.t(), out_dtype=torch.float32)
    want = x.double() @ weight.double().t()
    worst = error(out, want.float())
    emit("bfloat16 GEMM with float32 output", ok=out.dtype == torch.float32 and worst < 1e-5, relativeError=worst, bound=1e-5)


def copy_rate():
    """copy bandwidth"""
    source = torch.empty(1 << 32, dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(source)
    emit("copy within the device", bytesPerSecond=2 * source.numel() / seconds(lambda: target.copy_(source)))
    del source, target
    pinned = torch.empty(1 << 29, dtype=torch.uint8, pin_memory=True)
    there = torch.empty_like(pinned, device=DEVICE)
    emit("copy from pinned host memory", bytesPerSecond=pinned.numel() / seconds(lambda: there.copy_(pinned, non_blocking=True)))


if __name__ == "__main__":
    DEVICE = torch.device(json.load(sys.stdin)["device"])
    torch.manual_seed(1)
    probes = [versions, gemm_rates]
    if DEVICE.type == "cuda":
        probes += [flash_right, flash_repeats, slots_right, slots_graph, float32_logits, copy_rate, flash_speed]
    for each in probes:
        probe(each)
