// The Gemma3 forward pass over a packed batch, differentiable, one function per decoder layer.
#pragma once
#include <ATen/ATen.h>
#include <atomic>
#include "native/core/batch.h"
#include "native/core/role.h"
#include "native/kernels/qk_norm_rope.h"

namespace mira {

struct ForwardOptions {
  bool checkpoint = false;                      // recompute each layer in backward instead of keeping it
  const std::atomic<bool>* cancelled = nullptr; // polled between layers
};

// Final-norm hidden states [T,H]. Positions count from 0 in each sequence.
at::Tensor forward_hidden(const Role&, const PackedBatch&, const ForwardOptions& = {});

// y = x W^T (+ LoRA), for training and generation alike. `lora` entries may be undefined.
at::Tensor linear_qkv(const Role&, size_t layer, const at::Tensor& x_TH);
at::Tensor linear_o(const Role&, size_t layer, const at::Tensor& x_TC);
at::Tensor linear_gate_up(const Role&, size_t layer, const at::Tensor& x_TH);
at::Tensor linear_down(const Role&, size_t layer, const at::Tensor& x_TF);

// Token embeddings times sqrt(hidden), the factor rounded to the weights' dtype as Gemma does.
at::Tensor embed(const Role&, const at::Tensor& ids_T);
// Logits in float32 for final-norm hidden states: [n,H] -> [n,V].
at::Tensor logits_float32(const Role&, const at::Tensor& hidden_nH);
// Cached per (theta, factor, head_dim); grows on demand. Engine thread only: a later call may replace the tensors.
const kernels::RopeTable& rope_table(const GemmaConfig&, bool global, int64_t positions);

}  // namespace mira
