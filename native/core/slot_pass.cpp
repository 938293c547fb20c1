// Index arithmetic of slots and rings; see slot_pass.h.
#include "native/core/slot_pass.h"
#include <algorithm>
#include <vector>

namespace mira {
namespace {

at::Tensor on(at::Device device, const std::vector<int32_t>& values) { return at::tensor(values, at::kInt).to(device); }
at::Tensor on(at::Device device, const std::vector<int64_t>& values) { return at::tensor(values, at::kLong).to(device); }

}  // namespace

SlotPass prefill_pass(std::span<const DecodeSpan> spans, const SlotStore& store, at::Device device) {
  const int64_t G = store.global_capacity(), W = store.local_capacity();
  std::vector<int32_t> ids, positions, offsets{0}, global_start, global_used, local_start{0}, local_used;
  std::vector<int64_t> global_rows, local_rows, before, order, kept, last;
  SlotPass pass;
  int64_t all_before = 0;
  for (const DecodeSpan& span : spans) all_before += std::min(span.cache->length(), W - 1);
  for (const DecodeSpan& span : spans) {
    const int64_t slot = static_cast<const SlotCache&>(*span.cache).slot(), start = span.cache->length();
    const int64_t end = start + span.count, token = static_cast<int64_t>(ids.size());
    const int64_t seen = std::min(start, W - 1);  // earlier keys that the first query sees
    for (int64_t p = start - seen; p < start; ++p) {
      order.push_back(static_cast<int64_t>(before.size()));
      before.push_back(slot * W + p % W);
    }
    for (int64_t i = 0; i < span.count; ++i) {
      const int64_t p = start + i;
      ids.push_back(span.ids[i]);
      positions.push_back(static_cast<int32_t>(p));
      order.push_back(all_before + token + i);
      global_rows.push_back(slot * G + p);
      if (p < end - W) continue;  // overwritten within this pass
      kept.push_back(token + i);
      local_rows.push_back(slot * W + p % W);
    }
    offsets.push_back(static_cast<int32_t>(ids.size()));
    global_start.push_back(static_cast<int32_t>(slot * G));
    global_used.push_back(static_cast<int32_t>(end));
    local_start.push_back(static_cast<int32_t>(order.size()));
    local_used.push_back(static_cast<int32_t>(seen + span.count));
    pass.longest = std::max(pass.longest, span.count);
    pass.global_keys.longest = std::max(pass.global_keys.longest, end);
    pass.local_keys.longest = std::max(pass.local_keys.longest, seen + span.count);
    if (span.sampler) last.push_back(static_cast<int64_t>(ids.size()) - 1);
  }
  global_start.push_back(0);
  pass.ids_T = on(device, ids);
  pass.pos_T = on(device, positions);
  pass.offsets_B1 = on(device, offsets);
  pass.global_rows = on(device, global_rows);
  pass.local_rows = on(device, local_rows);
  pass.global_keys.start_B1 = on(device, global_start);
  pass.global_keys.used_B = on(device, global_used);
  pass.local_keys.start_B1 = on(device, local_start);
  pass.local_keys.used_B = on(device, local_used);
  pass.before_P = on(device, before);
  if (!std::is_sorted(order.begin(), order.end())) pass.order_N = on(device, order);
  if (kept.size() < ids.size()) pass.kept_R = on(device, kept);
  pass.last_n = on(device, last);
  return pass;
}

DecodePass::DecodePass(int64_t rows, int64_t longest, const SlotStore& store, at::Device device)
    : rows_(rows), bytes_(rows * 48 + 128, device), global_rows_(bytes_.section<int64_t>(rows)),
      local_rows_(bytes_.section<int64_t>(rows)), ids_(bytes_.section<int32_t>(rows)),
      pos_(bytes_.section<int32_t>(rows)), offsets_(bytes_.section<int32_t>(rows + 1)),
      global_start_(bytes_.section<int32_t>(rows + 1)), global_used_(bytes_.section<int32_t>(rows)),
      local_start_(bytes_.section<int32_t>(rows + 1)), local_used_(bytes_.section<int32_t>(rows)) {
  pass_.decode = true;
  pass_.ids_T = ids_.device;
  pass_.pos_T = pos_.device;
  pass_.offsets_B1 = offsets_.device;
  pass_.global_rows = global_rows_.device;
  pass_.local_rows = local_rows_.device;
  pass_.global_keys = {global_start_.device, global_used_.device, longest};
  pass_.local_keys = {local_start_.device, local_used_.device, std::min(longest, store.local_capacity())};
}

void DecodePass::fill(std::span<const DecodeSpan> spans, const SlotStore& store) {
  const int64_t G = store.global_capacity(), W = store.local_capacity();
  for (int64_t i = 0; i < rows_; ++i) {
    const bool real = i < static_cast<int64_t>(spans.size());
    const int64_t slot = real ? static_cast<const SlotCache&>(*spans[i].cache).slot() : 0;
    const int64_t p = real ? spans[i].cache->length() : 0;
    ids_.host[i] = real ? spans[i].ids[0] : 0;
    pos_.host[i] = static_cast<int32_t>(p);
    offsets_.host[i + 1] = static_cast<int32_t>(i + 1);
    global_rows_.host[i] = real ? slot * G + p : -1;
    local_rows_.host[i] = real ? slot * W + p % W : -1;
    global_start_.host[i] = static_cast<int32_t>(slot * G);
    global_used_.host[i] = static_cast<int32_t>(p + 1);
    local_start_.host[i] = static_cast<int32_t>(slot * W);
    local_used_.host[i] = static_cast<int32_t>(std::min(p + 1, W));
  }
  bytes_.send();
}

}  // namespace mira
