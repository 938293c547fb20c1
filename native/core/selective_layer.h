// A decoder layer under selective checkpointing: the results of its matrix products and of attention are kept, the
// cheap elementwise parts (norms, rotary embedding, GeGLU) are run again in backward. Costs no matrix product twice
// (adapters' rank-R ones excepted), and keeps per token and layer, with s bytes per element of the model's dtype:
//   s (3 H + (2 Q + 2 K) D + 2 F) + 4 Q
// residual stream, output of o and of down [H each]; q|k|v before their norm [(Q+2K) D]; attention [Q D] and its
// log-sum-exp [Q, float32]; gate|up [2F]. The two branch outputs are there because the post-norms' backward needs
// them: the residual stream alone would give them back only with bfloat16's cancellation.
#pragma once
#include <ATen/ATen.h>
#include <memory>
#include "native/core/forward.h"

namespace mira {

// decoder_layer(role, index, geometry, h), remembered selectively. Bytes are freed layer by layer as backward runs.
at::Tensor selective_layer(const std::shared_ptr<const Role>&, size_t index, const Geometry&, const at::Tensor& h_TH);

}  // namespace mira
