// The walk over the packed layers; see packed_model.h.
#include "native/core/packed_model.h"
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cmath>
#include "native/core/forward.h"

namespace mira {
namespace {

std::vector<float> gain(const at::Tensor& offset) {
  const at::Tensor g = offset.detach().to(at::kFloat).add(1.0).contiguous();
  const float* data = g.const_data_ptr<float>();
  return {data, data + g.numel()};
}

// Rows per task, so that a task handles about 32k elements.
int64_t grain(int64_t width) { return std::max<int64_t>(1, 32768 / width); }

}  // namespace

PackedModel::PackedModel(std::shared_ptr<const Role> role)
    : role_(std::move(role)), config_(role_->weights->config), bf16_(role_->weights->dtype() == at::kBFloat16) {}

void PackedModel::pack() {
  const Weights& w = *role_->weights;
  const GemmaConfig& c = config_;
  const int64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  layers_.clear();
  for (int64_t i = 0; i < c.layers; ++i) {
    const LayerWeights& l = w.layers[i];
    Layer p{PackedLinear(l.qkv_CH), PackedLinear(l.o_HC), PackedLinear(l.gate_up_2FH), PackedLinear(l.down_HF),
            gain(l.input_norm_H), gain(l.post_attn_norm_H), gain(l.pre_ffn_norm_H), gain(l.post_ffn_norm_H),
            gain(l.q_norm_D), gain(l.k_norm_D)};
    if (role_->lora) {
      const LoraLayer& a = role_->lora->layers[i];
      const double s = role_->lora->scale;
      p.qkv.adapt(a.q, s, 0, w.dtype());
      p.qkv.adapt(a.k, s, q, w.dtype());
      p.qkv.adapt(a.v, s, q + kv, w.dtype());
      p.o.adapt(a.o, s, 0, w.dtype());
      p.gate_up.adapt(a.gate, s, 0, w.dtype());
      p.gate_up.adapt(a.up, s, c.intermediate, w.dtype());
      p.down.adapt(a.down, s, 0, w.dtype());
    }
    layers_.push_back(std::move(p));
  }
  head_ = PackedLinear(w.embed_VH);
  final_norm_ = gain(w.final_norm_H);
  stale_ = false;
}

void PackedModel::begin() {
  spans_.clear();
  rows_.clear();
  longest_ = 0;
}

void PackedModel::add(KvCache& cache, const int32_t* ids, int64_t count) {
  const int64_t start = cache.length();
  cache.reserve(start + count);
  longest_ = std::max(longest_, start + count);
  spans_.push_back({&cache, count});
  for (int64_t i = 0; i < count; ++i) rows_.push_back({&cache, ids[i], start + i});
}

void PackedModel::run(const Observer& observe) {
  at::NoGradGuard no_grad;
  if (stale_) pack();
  const GemmaConfig& c = config_;
  const int64_t T = static_cast<int64_t>(rows_.size()), H = c.hidden;
  h_.resize(T * H);
  x_.resize(T * H);
  y_.resize(T * H);
  qkv_.resize(T * (c.heads + 2 * c.kv_heads) * c.head_dim);
  q_.resize(T * c.heads * c.head_dim);
  mixed_.resize(q_.size());
  gate_up_.resize(T * 2 * c.intermediate);
  ffn_.resize(T * c.intermediate);
  queries_.resize(T);
  embed();
  for (int64_t i = 0; i < c.layers; ++i) {
    if (observe) observe(i, h_.data());
    layer(i, T);
  }
  if (observe) observe(c.layers, h_.data());
  for (const Span& span : spans_) span.cache->advance(span.count);
}

void PackedModel::hidden(int64_t t, float* x_H) const {
  const int64_t H = config_.hidden;
  k_.rms_norm(h_.data() + t * H, final_norm_.data(), static_cast<float>(config_.rms_eps), H, x_H);
  round(x_H, H);
}

void PackedModel::logits(const float* x_nH, int64_t n, float* logits_nV) {
  at::NoGradGuard no_grad;
  if (stale_) pack();
  head_(x_nH, n, logits_nV);
}

void PackedModel::round(float* x, int64_t n) const {
  if (bf16_) k_.round_bf16(x, n);
}

void PackedModel::embed() {
  const at::Tensor& table = role_->weights->embed_VH;
  double scale = std::sqrt(static_cast<double>(config_.hidden));
  if (bf16_) scale = static_cast<float>(c10::BFloat16(static_cast<float>(scale)));
  const int64_t H = config_.hidden;
  for (size_t t = 0; t < rows_.size(); ++t) {
    float* h = h_.data() + t * H;
    if (bf16_) {
      const at::BFloat16* e = table.const_data_ptr<at::BFloat16>() + rows_[t].id * H;
      for (int64_t i = 0; i < H; ++i) h[i] = static_cast<float>(e[i]) * static_cast<float>(scale);
      k_.round_bf16(h, H);
    } else {
      const float* e = table.const_data_ptr<float>() + rows_[t].id * H;
      for (int64_t i = 0; i < H; ++i) h[i] = e[i] * static_cast<float>(scale);
    }
  }
}

// x = rms_norm(h; gain) for all rows.
void PackedModel::norm(const std::vector<float>& gain, int64_t T) {
  const int64_t H = config_.hidden;
  at::parallel_for(0, T, grain(H), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      k_.rms_norm(h_.data() + t * H, gain.data(), static_cast<float>(config_.rms_eps), H, x_.data() + t * H);
    round(x_.data() + begin * H, (end - begin) * H);
  });
}

// h += rms_norm(y; gain): a branch's output joins the residual stream.
void PackedModel::join(const std::vector<float>& gain, int64_t T) {
  const int64_t H = config_.hidden;
  round(y_.data(), T * H);
  at::parallel_for(0, T, grain(H), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      k_.rms_norm(y_.data() + t * H, gain.data(), static_cast<float>(config_.rms_eps), H, y_.data() + t * H);
    k_.add(h_.data() + begin * H, y_.data() + begin * H, (end - begin) * H, h_.data() + begin * H);
    round(h_.data() + begin * H, (end - begin) * H);
  });
}

// Norms and rotates q and k in place, stores k and v, gathers q.
void PackedModel::rotate_and_store(int64_t i, const Layer& layer, int64_t T) {
  const GemmaConfig& c = config_;
  const int64_t D = c.head_dim, C = (c.heads + 2 * c.kv_heads) * D, half = D / 2;
  const kernels::RopeTable& rope = rope_table(c, c.layer_is_global[i], longest_);
  const float *cos = rope.cos_PD2.const_data_ptr<float>(), *sin = rope.sin_PD2.const_data_ptr<float>();
  const auto eps = static_cast<float>(c.rms_eps);
  // Different rows store into different places, also those of one sequence.
  at::parallel_for(0, T, grain(C), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* row = qkv_.data() + t * C;
      round(row, C);
      const int64_t p = rows_[t].position;
      for (int64_t head = 0; head < c.heads + c.kv_heads; ++head) {
        float* x = row + head * D;
        k_.rms_norm(x, (head < c.heads ? layer.q_norm : layer.k_norm).data(), eps, D, x);
        k_.rope(x, cos + p * half, sin + p * half, half);
      }
      round(row, (c.heads + c.kv_heads) * D);
      rows_[t].cache->store(i, p, row + c.heads * D, row + (c.heads + c.kv_heads) * D);
      std::copy_n(row, c.heads * D, q_.data() + t * c.heads * D);
    }
  });
}

void PackedModel::layer(int64_t i, int64_t T) {
  const GemmaConfig& c = config_;
  const Layer& layer = layers_[i];
  norm(layer.input_norm, T);
  layer.qkv(x_.data(), T, qkv_.data());
  rotate_and_store(i, layer, T);
  for (int64_t t = 0; t < T; ++t) queries_[t] = rows_[t].cache->query(i, rows_[t].position);
  kernels::decode_attention(queries_, q_.data(), mixed_.data(), c.heads, c.kv_heads, c.head_dim,
                            static_cast<float>(std::pow(c.query_pre_attn_scalar, -0.5)), bf16_);
  round(mixed_.data(), static_cast<int64_t>(mixed_.size()));
  layer.o(mixed_.data(), T, y_.data());
  join(layer.post_attn_norm, T);

  norm(layer.pre_ffn_norm, T);
  layer.gate_up(x_.data(), T, gate_up_.data());
  const int64_t F = c.intermediate;
  at::parallel_for(0, T, grain(F), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* gate = gate_up_.data() + t * 2 * F;
      round(gate, 2 * F);
      k_.geglu(gate, gate + F, F, ffn_.data() + t * F);
      round(ffn_.data() + t * F, F);
    }
  });
  layer.down(ffn_.data(), T, y_.data());
  join(layer.post_ffn_norm, T);
}

}  // namespace mira
