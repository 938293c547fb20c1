// Gradients at a trace, and the choice of arithmetic; see exact.h.
#include "native/core/exact.h"
#include <stdexcept>
#include "native/core/decode.h"
#include "native/core/forward.h"
#include "native/core/recompute.h"
#include "native/kernels/rms_norm.h"

namespace mira {

ExactForward* ExactForwards::get(Exact kind) {
  if (kind == Exact::off) return nullptr;
  if (kind == Exact::automatic) kind = packed_by_default(*role_) ? Exact::packed : Exact::slots;
  if (kind == Exact::packed && !role_->weights->embed_VH.is_cpu())
    throw std::invalid_argument("options.exact: expected true or 'slots' for a model on a GPU, got 'packed', which runs "
                                "on the CPU.");
  std::unique_ptr<ExactForward>& held = kind == Exact::packed ? packed_ : slots_;
  if (!held) held = kind == Exact::packed ? make_packed_forward(role_) : make_slot_forward(role_);
  return held.get();
}

at::Tensor exact_hidden(const Role& role, const PackedBatch& batch, const Trace& trace) {
  const at::Device device = role.weights->embed_VH.device();
  const Geometry geometry = geometry_of(batch, device);
  // The graph outlives this call: it holds a copy of the role's tensor handles.
  const auto shared = std::make_shared<const Role>(role);
  // Embedding is a lookup and one product: the same bits in every arithmetic.
  at::Tensor h_TH = embed(role, batch.ids_T.to(device));
  for (size_t i = 0; i < role.weights->layers.size(); ++i) {
    const std::vector<at::Tensor> parameters = layer_parameters(role, i);
    h_TH = recomputed(h_TH, parameters,
                      [shared, i, geometry](const at::Tensor& h) { return decoder_layer(*shared, i, geometry, h); },
                      trace.residual_TH.at(i + 1));
  }
  std::vector<at::Tensor> norm;
  if (role.trains_weights) norm.push_back(role.weights->final_norm_H);
  return recomputed(h_TH, norm,
                    [shared](const at::Tensor& h) {
                      return kernels::rms_norm(h, shared->weights->final_norm_H, shared->weights->config.rms_eps);
                    },
                    trace.hidden_TH);
}

}  // namespace mira
