// The Gemma3 forward pass over a packed batch, differentiable, one function per decoder layer.
#pragma once
#include <ATen/ATen.h>
#include <atomic>
#include "native/core/batch.h"
#include "native/core/layer_tape.h"
#include "native/core/role.h"
#include "native/kernels/qk_norm_rope.h"

namespace mira {

// What a layer keeps of its forward pass for backward.
enum class Checkpoint {
  none,       // everything autograd asks for
  full,       // its input; the layer runs a second time in backward
  selective,  // the results of its matrix products and of attention; see selective_layer.h
};

struct ForwardOptions {
  Checkpoint checkpoint = Checkpoint::none;
  const std::atomic<bool>* cancelled = nullptr; // polled between layers
};

// Final-norm hidden states [T,H] on the weights' device. Positions count from 0 in each sequence. The batch is on the
// CPU.
at::Tensor forward_hidden(const Role&, const PackedBatch&, const ForwardOptions& = {});

// Where the tokens of a packed batch stand: shared by all layers of a pass.
struct Geometry { at::Tensor offsets_B1, pos_T; int64_t longest; };
Geometry geometry_of(const PackedBatch&, at::Device = at::kCPU);
// One decoder layer, residual stream to residual stream [T,H]; differentiable. A tape notes or gives back the results
// of its matrix products and of attention; see layer_tape.h.
at::Tensor decoder_layer(const Role&, size_t index, const Geometry&, const at::Tensor& h_TH, LayerTape* = nullptr);
// Everything of layer `index` that may require grad: inputs of a recomputed layer's function, so that autograd
// knows of them even when the residual stream itself needs no gradient (adapters on frozen embeddings).
std::vector<at::Tensor> layer_parameters(const Role&, size_t index);

// y = x W^T (+ LoRA), for training and generation alike. `lora` entries may be undefined. A defined `value` is the
// result, known from an earlier run; see adapted_linear.h.
at::Tensor linear_qkv(const Role&, size_t layer, const at::Tensor& x_TH, const at::Tensor& value = {});
at::Tensor linear_o(const Role&, size_t layer, const at::Tensor& x_TC, const at::Tensor& value = {});
at::Tensor linear_gate_up(const Role&, size_t layer, const at::Tensor& x_TH, const at::Tensor& value = {});
at::Tensor linear_down(const Role&, size_t layer, const at::Tensor& x_TF, const at::Tensor& value = {});

// Token embeddings times sqrt(hidden), the factor rounded to the weights' dtype as Gemma does.
at::Tensor embed(const Role&, const at::Tensor& ids_T);
// Logits in float32 for final-norm hidden states: [n,H] -> [n,V]. No autograd.
at::Tensor logits_float32(const Role&, const at::Tensor& hidden_nH);
// Cached per (theta, factor, head_dim, device); grows on demand. Engine thread only: a later call may replace the
// tensors.
const kernels::RopeTable& rope_table(const GemmaConfig&, bool global, int64_t positions, at::Device = at::kCPU);

}  // namespace mira
