// The walk of the slot decoder over Gemma3's layers: ATen's products and the forward kernels of training on the role's
// own weights. Whoever calls it says how a layer attends: over slots when sampling, over whole sequences when exact
// training traces what sampling computed. With `exact` every step maps a row by itself, bit for bit.
#pragma once
#include <ATen/ATen.h>
#include <functional>
#include <vector>
#include "native/core/role.h"
#include "native/core/slot_linear.h"

namespace mira {

struct SlotLayer { SlotLinear qkv, o, gate_up, down; };
std::vector<SlotLayer> slot_layers(const Role&, bool exact);

// [T,(Q+2K)D] of layer i -> mixed values [T,Q,D].
using Attend = std::function<at::Tensor(size_t i, const at::Tensor& qkv_TC)>;
// Sees the residual stream in front of layer i; i = layers: what the last one has left.
using ObserveResidual = std::function<void(size_t i, const at::Tensor& h_TH)>;

// Token ids int32 [T] to final-norm hidden states [T,H]. No autograd.
at::Tensor run_slot_layers(const Role&, const std::vector<SlotLayer>&, const at::Tensor& ids_T, const Attend&,
                           const ObserveResidual& = {});
// Float32 logits [n,V] of final-norm states.
at::Tensor slot_logits(const Role&, const at::Tensor& hidden_nH, bool exact);

}  // namespace mira
