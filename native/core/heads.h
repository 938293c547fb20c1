// Scalar heads in float32 on a hidden state: creation and scores.
#pragma once
#include <ATen/ATen.h>
#include <string>
#include <vector>
#include "native/core/role.h"

namespace mira {

// He-initialised first layer, second layer U(-1/sqrt(width), 1/sqrt(width)), zero biases; all require grad. Drawn on
// the CPU whatever the device.
ScalarHead make_head(const std::string& name, int64_t hidden, int64_t width, uint64_t seed,
                     at::Device = at::kCPU);

// [n,H] of any float dtype -> [n,M] raw scores, float32, differentiable.
at::Tensor head_scores(const std::vector<ScalarHead>&, const at::Tensor& hidden_nH);

}  // namespace mira
