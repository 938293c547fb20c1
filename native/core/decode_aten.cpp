// The ATen decoder: the linears and forward kernels of training on the weights as they are, with attention
// over the KV caches. Needs no copy of the weights; costs some sixty tensor operations a layer and pass.
#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>
#include "native/core/decode.h"
#include "native/core/forward.h"
#include "native/kernels/decode_attention.h"
#include "native/kernels/geglu.h"
#include "native/kernels/qk_norm_rope.h"
#include "native/kernels/rms_norm.h"

namespace mira {
namespace {

class AtenDecoder final : public Decoder {
 public:
  AtenDecoder(std::shared_ptr<const Role> role, int64_t max_length)
      : role_(std::move(role)), config_(role_->weights->config),
        max_length_(max_length) {}

  void refresh() override {}

  void forward(std::span<const DecodeSpan> spans, float* logits_nV) override {
    at::NoGradGuard no_grad;
    if (!local_rope_.cos_PD2.defined()) {
      local_rope_ = kernels::make_rope_table(max_length_, config_.head_dim, config_.rope_theta_local, 1.0);
      global_rope_ = kernels::make_rope_table(max_length_, config_.head_dim, config_.rope_theta_global,
                                              config_.rope_factor_global);
    }
    std::vector<int32_t> ids, positions;
    std::vector<int64_t> wanted;
    rows_.clear();
    for (const DecodeSpan& span : spans) {
      const int64_t start = span.cache->length();
      span.cache->reserve(start + span.count);
      for (int64_t i = 0; i < span.count; ++i) {
        ids.push_back(span.ids[i]);
        positions.push_back(static_cast<int32_t>(start + i));
        rows_.push_back(span.cache);
      }
      if (span.wants_logits) wanted.push_back(static_cast<int64_t>(ids.size()) - 1);
    }
    const at::Tensor pos_T = at::tensor(positions, at::kInt);
    at::Tensor h_TH = embed(*role_, at::tensor(ids, at::kInt));
    at::Tensor x_TH = kernels::rms_norm_forward(h_TH, role_->weights->layers[0].input_norm_H, config_.rms_eps);
    for (size_t i = 0; i < role_->weights->layers.size(); ++i) layer(i, pos_T, h_TH, x_TH);
    for (const DecodeSpan& span : spans) span.cache->advance(span.count);
    if (wanted.empty()) return;
    const at::Tensor logits = logits_float32(*role_, x_TH.index_select(0, at::tensor(wanted, at::kLong))).contiguous();
    std::copy_n(logits.const_data_ptr<float>(), logits.numel(), logits_nV);
  }

 private:
  // h: the residual stream before the layer -> after it; x: its norm as the next layer (or the head) reads it.
  void layer(size_t i, const at::Tensor& pos_T, at::Tensor& h_TH, at::Tensor& x_TH) {
    const GemmaConfig& c = config_;
    const Weights& weights = *role_->weights;
    const LayerWeights& w = weights.layers[i];
    auto [q, k, v] = kernels::qk_norm_rope_forward(linear_qkv(*role_, i, x_TH), w.q_norm_D, w.k_norm_D, pos_T,
                                                   c.layer_is_global[i] ? global_rope_ : local_rope_, c.heads,
                                                   c.kv_heads, c.rms_eps);
    const at::Tensor qf = q.to(at::kFloat), kf = k.to(at::kFloat), vf = v.to(at::kFloat);
    const int64_t T = qf.size(0), stride = c.kv_heads * c.head_dim;
    const int32_t* position = pos_T.const_data_ptr<int32_t>();
    std::vector<kernels::DecodeQuery> queries;
    for (int64_t t = 0; t < T; ++t)
      rows_[t]->store(static_cast<int64_t>(i), position[t], kf.const_data_ptr<float>() + t * stride,
                      vf.const_data_ptr<float>() + t * stride);
    for (int64_t t = 0; t < T; ++t) queries.push_back(rows_[t]->query(static_cast<int64_t>(i), position[t]));
    at::Tensor mixed = at::empty_like(qf);
    kernels::decode_attention(queries, qf.const_data_ptr<float>(), mixed.mutable_data_ptr<float>(), c.heads,
                              c.kv_heads, c.head_dim, static_cast<float>(std::pow(c.query_pre_attn_scalar, -0.5)),
                              weights.dtype() == at::kBFloat16);
    const at::Tensor attention = linear_o(*role_, i, mixed.to(weights.dtype()).flatten(1));
    auto [mid_TH, y_TH] =
        kernels::add_rms_norm_forward(h_TH, attention, w.post_attn_norm_H, w.pre_ffn_norm_H, c.rms_eps);
    const at::Tensor ffn = linear_down(*role_, i, kernels::geglu_forward(linear_gate_up(*role_, i, y_TH)));
    const at::Tensor& next = i + 1 < weights.layers.size() ? weights.layers[i + 1].input_norm_H : weights.final_norm_H;
    std::tie(h_TH, x_TH) = kernels::add_rms_norm_forward(mid_TH, ffn, w.post_ffn_norm_H, next, c.rms_eps);
  }

  std::shared_ptr<const Role> role_;
  const GemmaConfig& config_;
  int64_t max_length_;
  kernels::RopeTable local_rope_, global_rope_;
  std::vector<KvCache*> rows_;
};

}  // namespace

std::unique_ptr<Decoder> make_aten_decoder(std::shared_ptr<const Role> role, int64_t max_length) {
  return std::make_unique<AtenDecoder>(std::move(role), max_length);
}

}  // namespace mira
