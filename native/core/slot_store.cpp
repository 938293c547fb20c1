// Rings, global storage and snapshots; see slot_store.h.
#include "native/core/slot_store.h"
#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace mira {
namespace {

int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

int64_t count_global(const GemmaConfig& c) {
  return std::count(c.layer_is_global.begin(), c.layer_is_global.end(), uint8_t{1});
}

// Tokens that one slot holds in a global and in a local layer. A model without local layers has no ring to wrap.
int64_t global_tokens(int64_t max_length) { return round_up(max_length, kKvUnit); }
int64_t local_tokens(const GemmaConfig& c, int64_t max_length) {
  const int64_t all = global_tokens(max_length);
  return count_global(c) < c.layers ? std::min(c.sliding_window, all) : all;
}

int64_t token_bytes(const GemmaConfig& c, at::ScalarType dtype) {  // of one layer
  return 2 * c.kv_heads * c.head_dim * static_cast<int64_t>(c10::elementSize(dtype));
}

}  // namespace

int64_t snapshot_bytes(const GemmaConfig& c, int64_t max_length, at::ScalarType dtype) {
  return (c.layers - count_global(c)) * local_tokens(c, max_length) * token_bytes(c, dtype);
}

int64_t kv_bytes(const GemmaConfig& c, int64_t slots, int64_t max_length, at::ScalarType dtype) {
  return slots * (snapshot_bytes(c, max_length, dtype) +
                  count_global(c) * global_tokens(max_length) * token_bytes(c, dtype));
}

SlotStore::SlotStore(const GemmaConfig& c, at::ScalarType dtype, at::Device device, const SlotOptions& options)
    : options_(options), tensor_(at::TensorOptions(device).dtype(dtype)), kv_heads_(c.kv_heads), head_dim_(c.head_dim),
      is_global_(c.layer_is_global), local_capacity_(local_tokens(c, options.max_length)),
      global_capacity_(global_tokens(options.max_length)),
      snapshots_(static_cast<size_t>(local_capacity_ < options.max_length ? options.snapshots : 0)) {
  allocate();
  TORCH_INTERNAL_ASSERT(options.slots * bytes_per_slot() == kv_bytes(c, options.slots, options.max_length, dtype));
}

void SlotStore::allocate() {
  std::vector<Layer> layers;
  for (const uint8_t global : is_global_) {
    const int64_t capacity = global ? global_capacity_ : local_capacity_;
    // Zeros: padded rows of a decode step read row 0 before anything was stored there.
    const auto rows = [&] { return at::zeros({options_.slots * capacity, kv_heads_, head_dim_}, tensor_); };
    layers.push_back({rows(), rows(), capacity});
  }
  layers_ = std::move(layers);
}

void SlotStore::free() {
  layers_.clear();
  for (Snapshot& snapshot : snapshots_) snapshot = {};
}

std::unique_ptr<SequenceCache> SlotStore::make_cache() {
  if (made_ == options_.slots) throw std::logic_error("SlotStore: every slot has its cache already.");
  return std::make_unique<SlotCache>(shared_from_this(), made_++);
}

int64_t SlotStore::bytes_per_slot() const {
  int64_t bytes = 0;
  for (const Layer& layer : layers_) bytes += static_cast<int64_t>(layer.k_NKD.nbytes() + layer.v_NKD.nbytes());
  return bytes / options_.slots;
}

int64_t SlotStore::snapshot_bytes() const {
  int64_t bytes = 0;
  for (const Snapshot& snapshot : snapshots_)
    for (const at::Tensor& ring : snapshot.rings) bytes += static_cast<int64_t>(ring.nbytes());
  return bytes;
}

SlotStore::Snapshot* SlotStore::find(int64_t slot, int64_t longest, bool exact) {
  Snapshot* best = nullptr;
  for (Snapshot& s : snapshots_)
    if (s.slot == slot && s.length <= longest && (!exact || s.length == longest) && (!best || s.length > best->length))
      best = &s;
  return best;
}

void SlotStore::drop(int64_t slot, int64_t longer_than) {
  for (Snapshot& s : snapshots_)
    if (s.slot == slot && s.length > longer_than) s.slot = -1, s.used = 0;
}

SlotStore::Snapshot* SlotStore::claim(int64_t slot, int64_t length) {
  if (snapshots_.empty()) return nullptr;
  Snapshot* s = find(slot, length, true);
  if (!s)
    s = &*std::min_element(snapshots_.begin(), snapshots_.end(),
                           [](const Snapshot& a, const Snapshot& b) { return a.used < b.used; });
  s->slot = -1;
  if (s->rings.empty()) {
    std::vector<at::Tensor> rings;
    try {
      for (size_t i = 0; i < layers_.size(); ++i) {
        if (is_global_[i]) continue;
        const at::Tensor& k = layers_[i].k_NKD;
        for (int half = 0; half < 2; ++half)
          rings.push_back(at::empty({local_capacity_, k.size(1), k.size(2)}, k.options()));
      }
    } catch (const c10::OutOfMemoryError&) {
      return nullptr;  // a snapshot saves work, it is never needed
    }
    s->rings = std::move(rings);
  }
  s->slot = slot;
  s->length = length;
  s->used = ++clock_;
  return s;
}

void SlotStore::copy_rings(int64_t slot, Snapshot& snapshot, bool restore) {
  const int64_t rows = std::min(snapshot.high, local_capacity_);
  size_t at = 0;
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (is_global_[i]) continue;
    for (const at::Tensor& storage : {layers_[i].k_NKD, layers_[i].v_NKD}) {
      at::Tensor ring = storage.narrow(0, slot * local_capacity_, rows), kept = snapshot.rings[at++].narrow(0, 0, rows);
      if (restore) ring.copy_(kept);
      else kept.copy_(ring);
    }
  }
}

void SlotStore::copy_rows(const Layer& layer, int64_t from, int64_t to, int64_t rows) {
  for (const at::Tensor& storage : {layer.k_NKD, layer.v_NKD})
    storage.narrow(0, to * layer.capacity, rows).copy_(storage.narrow(0, from * layer.capacity, rows));
}

void SlotCache::check_room(int64_t positions) const {
  if (positions > store_->max_length())
    throw std::invalid_argument("SlotCache: expected at most " + std::to_string(store_->max_length()) +
                                " positions, got " + std::to_string(positions) + ".");
}

void SlotCache::advance(int64_t count) {
  length_ += count;
  high_ = std::max(high_, length_);
}

bool SlotCache::intact(int64_t length) const {
  // With a full ring, position high - 1 has overwritten the oldest key that a query at high - 2 would see.
  return length == 0 || high_ <= store_->local_capacity() || length >= high_ - 1;
}

int64_t SlotCache::reusable(int64_t length) const {
  length = std::min(length, length_);
  if (intact(length)) return length;
  const SlotStore::Snapshot* snapshot = store_->find(slot_, length, false);
  return snapshot ? snapshot->length : 0;
}

void SlotCache::truncate(int64_t length) {
  if (reusable(length) != length) throw std::invalid_argument("SlotCache: this prefix has been overwritten in a ring.");
  if (!intact(length)) {
    SlotStore::Snapshot* snapshot = store_->find(slot_, length, true);
    snapshot->used = ++store_->clock_;
    store_->copy_rings(slot_, *snapshot, true);
    high_ = snapshot->high;
  }
  store_->drop(slot_, length);
  length_ = length;
  // high_ stays otherwise: what later positions have overwritten in the rings stays overwritten.
  if (length == 0) high_ = 0;
}

void SlotCache::clear() { truncate(0); }

void SlotCache::copy_prefix(const SequenceCache& other, int64_t length) {
  const auto& from = static_cast<const SlotCache&>(other);
  if (from.reusable(length) != length)
    throw std::invalid_argument("SlotCache: this prefix has been overwritten in a ring.");
  clear();
  const int64_t W = store_->local_capacity();
  const bool intact = from.intact(length);
  // Of a ring that never wrapped, the prefix; of a full one, all rows, newer positions included.
  const bool wrapped = from.high_ > W;
  for (size_t i = 0; i < store_->layers_.size(); ++i) {
    if (store_->is_global_[i]) store_->copy_rows(store_->layers_[i], from.slot_, slot_, length);
    else if (intact) store_->copy_rows(store_->layers_[i], from.slot_, slot_, wrapped ? W : length);
  }
  if (intact) {
    high_ = wrapped ? from.high_ : length;
  } else {
    SlotStore::Snapshot* snapshot = store_->find(from.slot_, length, true);
    snapshot->used = ++store_->clock_;
    store_->copy_rings(slot_, *snapshot, true);
    high_ = snapshot->high;
  }
  length_ = length;
}

void SlotCache::mark_branch() {
  if (length_ == 0 || !intact(length_)) return;
  SlotStore::Snapshot* snapshot = store_->claim(slot_, length_);
  if (!snapshot) return;
  snapshot->high = high_ > store_->local_capacity() ? high_ : length_;
  store_->copy_rings(slot_, *snapshot, false);
}

}  // namespace mira
