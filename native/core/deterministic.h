// LibTorch's process-wide switches for repeatable arithmetic: with the same inputs, threads and device, the same bits.
// Says nothing of equality across shapes; that is exact mode's kernels (exact.h).
#pragma once

namespace mira {

// On: only deterministic algorithms (an operation that has none throws), no reduced-precision or split sums in
// bfloat16 products, no TF32. On CUDA the environment variable CUBLAS_WORKSPACE_CONFIG must be ":4096:8" or ":16:8"
// from before the first product; cuBLAS throws otherwise. Off: LibTorch's defaults, save TF32, which stays off.
void set_deterministic(bool on);

}  // namespace mira
