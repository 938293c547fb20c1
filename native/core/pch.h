// Precompiled header of mira_core: what nearly every file includes, and the guard on LibTorch's version.
// Not included by hand: each file still includes what it uses.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/version.h>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

// Debian's libtorch-dev is 1.13: a test of the minor number alone would let it pass.
#if TORCH_VERSION_MAJOR != 2 || TORCH_VERSION_MINOR < 11 || TORCH_VERSION_MINOR > 14
#error "LibTorch 2.11 to 2.14 is supported; pass -DLIBTORCH=DIR with such a release, or run `npm run setup`"
#endif
