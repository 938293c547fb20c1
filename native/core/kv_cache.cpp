// Ring and growing storage of keys and values; see kv_cache.h.
#include "native/core/kv_cache.h"
#include <algorithm>
#include <stdexcept>
#include <string>

namespace mira {
namespace {

using kernels::kKeyBlock;
constexpr int64_t kGrowBlocks = 4;  // 64 positions

int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

template <typename T>
void scatter(T* k, T* v, const float* from_k, const float* from_v, int64_t head_dim) {
  for (int64_t d = 0; d < head_dim; ++d) k[d * kKeyBlock] = static_cast<T>(from_k[d]);
  for (int64_t d = 0; d < head_dim; ++d) v[d] = static_cast<T>(from_v[d]);
}

}  // namespace

KvLayout::KvLayout(const GemmaConfig& c, at::ScalarType type, int64_t max_length, int64_t chunk)
    : layers(c.layers), kv_heads(c.kv_heads), head_dim(c.head_dim), window(c.sliding_window),
      max_length(max_length), dtype(type), is_global(c.layer_is_global) {
  if (dtype != at::kFloat && dtype != at::kBFloat16)
    throw std::invalid_argument("KvLayout: expected float32 or bfloat16 weights.");
  for (int64_t i = 0; i < layers; ++i) {
    const int64_t ring = std::min(max_length, window + chunk - 1);
    capacity.push_back(round_up(is_global[i] ? max_length : ring, kKeyBlock));
  }
}

KvCache::KvCache(std::shared_ptr<const KvLayout> layout)
    : layout_(std::move(layout)), layers_(static_cast<size_t>(layout_->layers)) {}

void KvCache::reserve(int64_t positions) {
  if (positions > layout_->max_length)
    throw std::invalid_argument("KvCache: expected at most " + std::to_string(layout_->max_length) +
                                " positions, got " + std::to_string(positions) + ".");
  const int64_t K = layout_->kv_heads, D = layout_->head_dim;
  for (int64_t i = 0; i < layout_->layers; ++i) {
    Layer& layer = layers_[i];
    const int64_t have = layer.k.defined() ? layer.k.size(0) : 0;
    const int64_t limit = layout_->capacity[i] / kKeyBlock;
    const int64_t need = std::min(limit, (positions + kKeyBlock - 1) / kKeyBlock);
    if (need <= have) continue;
    const int64_t blocks = std::min(limit, round_up(std::max(need, have * 3 / 2), kGrowBlocks));
    // Zeros, not garbage: a masked key has weight zero, and zero times NaN would still be NaN.
    const auto options = at::TensorOptions().dtype(layout_->dtype);
    at::Tensor k = at::zeros({blocks, K, D, kKeyBlock}, options);
    at::Tensor v = at::zeros({blocks, K, kKeyBlock, kernels::padded_dim(D)}, options);
    if (have > 0) {
      k.narrow(0, 0, have).copy_(layer.k);
      v.narrow(0, 0, have).copy_(layer.v);
    }
    layer = {std::move(k), std::move(v)};
  }
}

void KvCache::store(int64_t i, int64_t position, const float* k_KD, const float* v_KD) {
  const int64_t K = layout_->kv_heads, D = layout_->head_dim, Dp = kernels::padded_dim(D);
  const int64_t index = position % layout_->capacity[i], block = index / kKeyBlock, lane = index % kKeyBlock;
  Layer& layer = layers_[i];
  const auto put = [&](auto zero) {
    using T = decltype(zero);
    T* k = static_cast<T*>(layer.k.mutable_data_ptr()) + block * K * D * kKeyBlock + lane;
    T* v = static_cast<T*>(layer.v.mutable_data_ptr()) + block * K * kKeyBlock * Dp + lane * Dp;
    for (int64_t h = 0; h < K; ++h)
      scatter(k + h * D * kKeyBlock, v + h * kKeyBlock * Dp, k_KD + h * D, v_KD + h * D, D);
  };
  if (layout_->dtype == at::kFloat) put(float{});
  else put(at::BFloat16{});
}

void KvCache::advance(int64_t count) {
  length_ += count;
  high_ = std::max(high_, length_);
}

int64_t KvCache::reusable(int64_t length) const {
  length = std::min(length, length_);
  for (int64_t i = 0; i < layout_->layers; ++i) {
    if (layout_->is_global[i]) continue;
    // The oldest key a query at `length` sees, against the oldest one not yet overwritten.
    if (length - layout_->window + 1 < high_ - layout_->capacity[i] && high_ > layout_->capacity[i]) return 0;
  }
  return length;
}

void KvCache::truncate(int64_t length) {
  if (reusable(length) != length)
    throw std::invalid_argument("KvCache: this prefix has been overwritten in a ring.");
  length_ = length;
  // high_ stays: entries past `length` remain where they are, and so does what they have overwritten.
  if (length == 0) high_ = 0;
}

void KvCache::clear() {
  layers_.assign(static_cast<size_t>(layout_->layers), {});
  length_ = high_ = 0;
}

void KvCache::copy_prefix(const SequenceCache& other, int64_t length) {
  const auto& from = static_cast<const KvCache&>(other);
  if (from.reusable(length) != length)
    throw std::invalid_argument("KvCache: this prefix has been overwritten in a ring.");
  reserve(length);
  const int64_t blocks = (length + kKeyBlock - 1) / kKeyBlock;
  for (int64_t i = 0; i < layout_->layers; ++i) {
    if (from.high_ > layout_->capacity[i]) {  // the whole ring, which this cache may not have grown to yet
      layers_[i] = {from.layers_[i].k.clone(), from.layers_[i].v.clone()};
      continue;
    }
    layers_[i].k.narrow(0, 0, blocks).copy_(from.layers_[i].k.narrow(0, 0, blocks));
    layers_[i].v.narrow(0, 0, blocks).copy_(from.layers_[i].v.narrow(0, 0, blocks));
  }
  length_ = length;
  high_ = from.high_;
}

kernels::DecodeQuery KvCache::query(int64_t i, int64_t position) const {
  const int64_t K = layout_->kv_heads, D = layout_->head_dim, Dp = kernels::padded_dim(D);
  const int64_t capacity = layout_->capacity[i];
  const int64_t oldest = layout_->is_global[i] ? 0 : std::max<int64_t>(0, position - layout_->window + 1);
  const int64_t begin = oldest % capacity, last = position % capacity;
  kernels::KeyRuns runs{{begin, 0}, {last + 1, 0}};
  if (begin > last) runs = {{begin, 0}, {capacity, last + 1}};  // older keys first
  const int64_t size = layout_->dtype == at::kFloat ? 4 : 2;
  return {runs, position - oldest + 1, layers_[i].k.const_data_ptr(), layers_[i].v.const_data_ptr(),
          D * kKeyBlock * size, kKeyBlock * Dp * size, K * D * kKeyBlock, K * kKeyBlock * Dp};
}

int64_t KvCache::bytes() const {
  int64_t bytes = 0;
  for (const Layer& layer : layers_)
    if (layer.k.defined()) bytes += static_cast<int64_t>(layer.k.nbytes() + layer.v.nbytes());
  return bytes;
}

}  // namespace mira
