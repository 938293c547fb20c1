// Incremental search for stop strings; see stop_strings.h.
#include "native/core/stop_strings.h"
#include <algorithm>
#include <utility>

namespace mira {

StopStrings::StopStrings(std::vector<std::string> stops, std::shared_ptr<const Vocabulary> vocabulary)
    : stops_(std::move(stops)), vocabulary_(std::move(vocabulary)) {
  for (const std::string& stop : stops_) longest_ = std::max(longest_, stop.size());
}

bool StopStrings::push(int32_t id) {
  if (stops_.empty()) return false;
  tail_ += vocabulary_->of(id);
  for (const std::string& stop : stops_)
    if (tail_.find(stop) != std::string::npos) return true;
  // A later match reaches back at most longest - 1 bytes.
  if (tail_.size() >= longest_) tail_.erase(0, tail_.size() - (longest_ - 1));
  return false;
}

}  // namespace mira
