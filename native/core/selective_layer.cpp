// A recomputed layer with a tape of its costly results; see selective_layer.h.
#include "native/core/selective_layer.h"
#include <utility>
#include "native/core/recompute.h"

namespace mira {

at::Tensor selective_layer(const std::shared_ptr<const Role>& role, size_t index, const Geometry& geometry,
                           const at::Tensor& h_TH) {
  const auto tape = std::make_shared<LayerTape>();
  // Runs twice: forward fills the tape; backward takes it, so that its tensors die with this layer's gradients and
  // not with the whole graph.
  const LayerFunction layer = [=](const at::Tensor& h) {
    if (!tape->filled) return decoder_layer(*role, index, geometry, h, tape.get());
    LayerTape taken = std::exchange(*tape, {});
    return decoder_layer(*role, index, geometry, h, &taken);
  };
  return recomputed(h_TH, layer_parameters(*role, index), layer);
}

}  // namespace mira
