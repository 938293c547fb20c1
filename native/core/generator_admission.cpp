// Who gets a slot and with which prefix already in it; see generator.h.
#include <algorithm>
#include <utility>
#include "native/core/generator.h"

namespace mira {
namespace {

// Copying a neighbour's prefix pays once it saves about a block of tokens.
constexpr int64_t kWorthCopying = 16;
// Tokens saved that justify waiting for another's prefill, or keeping rings where sequences branched.
constexpr int64_t kWorthWaiting = 64;

int64_t common_prefix(const std::vector<int32_t>& a, const std::vector<int32_t>& b, int64_t limit) {
  limit = std::min({limit, static_cast<int64_t>(a.size()), static_cast<int64_t>(b.size())});
  return std::mismatch(a.begin(), a.begin() + limit, b.begin()).first - a.begin();
}

}  // namespace

Generator::Slot* Generator::slot_for(const GenerateRequest& request) {
  Slot* best = nullptr;
  for (Slot& slot : slots_) {
    if (request.session && slot.session == request.session) return slot.active ? nullptr : &slot;
    if (slot.active) continue;
    // A slot without a session first, else the session that has been idle longest.
    const auto rank = [](const Slot& s) { return s.session ? s.used + 1 : 0; };
    if (!best || rank(slot) < rank(*best)) best = &slot;
  }
  return best;
}

void Generator::admit() {
  for (auto it = queue_.begin(); it != queue_.end();) {
    // A request waits for its own session's slot, or for a prefix in the making; others may pass it.
    Slot* slot = slot_for(it->request);
    if (!slot || better_later(*slot, it->request.ids)) {
      ++it;
      continue;
    }
    Queued next = std::move(*it);
    it = queue_.erase(it);
    start(*slot, std::move(next));
  }
}

void Generator::start(Slot& slot, Queued next) {
  const bool own = next.request.session && slot.session == next.request.session;
  reuse_prefix(slot, next.request.ids);
  if (!own) slot.session = next.request.session;
  slot.ids = next.request.ids;
  GenerateResult result;
  result.prompt_tokens = static_cast<int64_t>(next.request.ids.size());
  result.reused_tokens = slot.cache->length();
  counters_.prompt_tokens += result.prompt_tokens;
  counters_.reused_tokens += result.reused_tokens;
  StopStrings stops(next.request.stop_strings, options_.vocabulary);
  slot.active.emplace(
      Active{std::move(next.request), std::move(next.sink), std::move(result), std::move(stops), ++clock_});
}

// The prompt's last token is always left to compute: its logits are needed.
Generator::Reuse Generator::find_prefix(const Slot& slot, const std::vector<int32_t>& prompt) const {
  Reuse best;
  const auto consider = [&](const Slot& from, int64_t advantage) {
    const int64_t limit = std::min(from.cache->length(), static_cast<int64_t>(prompt.size()) - 1);
    const int64_t common = common_prefix(from.ids, prompt, limit), usable = from.cache->reusable(common);
    best.common = std::max(best.common, common);
    if (usable <= best.length + advantage) return;
    best.length = usable;
    best.donor = &from == &slot ? nullptr : &from;
  };
  consider(slot, 0);
  for (const Slot& other : slots_)
    if (&other != &slot) consider(other, best.donor ? 0 : kWorthCopying - 1);
  return best;
}

// Leaves in the slot's cache the longest prefix of the prompt that it or a neighbour holds.
void Generator::reuse_prefix(Slot& slot, const std::vector<int32_t>& prompt) {
  const Reuse reuse = find_prefix(slot, prompt);
  if (reuse.donor) slot.cache->copy_prefix(*reuse.donor->cache, reuse.length);
  else slot.cache->truncate(reuse.length);
  // Sequences have branched here before and could not be taken up again: next time they can.
  slot.branch = reuse.common - reuse.length >= kWorthWaiting ? reuse.common : 0;
}

bool Generator::better_later(const Slot& slot, const std::vector<int32_t>& prompt) {
  Slot* other = nullptr;
  int64_t later = 0;
  for (Slot& s : slots_) {
    if (!s.active || &s == &slot || s.pending() <= 1) continue;
    const int64_t limit = std::min(s.ids.size(), prompt.size()) - 1;
    const int64_t common = common_prefix(s.ids, prompt, limit);
    if (common > std::max(later, s.cache->length())) later = common, other = &s;
  }
  if (!other) return false;
  if (other->branch == later) return true;  // who has begun to wait goes on
  if (later - find_prefix(slot, prompt).length < kWorthWaiting) return false;
  // The other pauses at the earliest branch still ahead of it.
  if (other->branch <= other->cache->length() || later < other->branch) other->branch = later;
  return true;
}

}  // namespace mira
