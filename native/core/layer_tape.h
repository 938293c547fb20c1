// What a decoder layer's costly operations gave in a first run, so that a second run can differentiate the layer
// without computing them again. Leaves out when to run twice; see selective_layer.h.
#pragma once
#include <ATen/ATen.h>
#include "native/kernels/attention.h"

namespace mira {

struct LayerTape {
  bool filled = false;
  at::Tensor qkv_TC, o_TH, gate_up_T2F, down_TH;
  kernels::AttentionForward attention;
};

// product(value), `value` undefined or what this product gave before: no tape: computed; an unfilled one: computed
// and noted; a filled one: product gets the noted value and need not compute.
template <class F>
at::Tensor taped(LayerTape* tape, at::Tensor LayerTape::* slot, F&& product) {
  if (!tape) return product(at::Tensor());
  if (tape->filled) return product(tape->*slot);
  return tape->*slot = product(at::Tensor());
}

// kernels::varlen_attention by the same rule; differentiable without a tape and with a filled one.
at::Tensor taped_attention(LayerTape*, const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
                           const at::Tensor& offsets_B1, int64_t window, double scale, int64_t longest);

}  // namespace mira
