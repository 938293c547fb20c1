// See weight_match.h.
#include "native/core/weight_match.h"
#include <algorithm>
#include <stdexcept>

namespace mira {
namespace {

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

bool ignored(const std::string& name, const std::vector<std::string>& rules) {
  return std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) {
    if (rule.empty()) return false;
    if (rule.back() == '*') return name.starts_with(rule.substr(0, rule.size() - 1));
    return rule.back() == '.' ? name.starts_with(rule) : name == rule;
  });
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor>> prefixed(const std::vector<std::pair<std::string, at::Tensor>>& named,
                                                         const std::string& prefix) {
  std::vector<std::pair<std::string, at::Tensor>> out;
  for (const auto& [name, tensor] : named) out.emplace_back(prefix + name, tensor.detach());
  return out;
}

std::map<std::string, MatchedTensor> match_tensors(const std::vector<std::pair<std::string, at::Tensor>>& expected,
                                                   const std::vector<std::string>& files, const std::vector<std::string>& ignore) {
  const std::map<std::string, at::Tensor> wanted(expected.begin(), expected.end());
  std::map<std::string, MatchedTensor> found;
  for (const std::string& path : files) {
    const auto file = SafetensorsFile::open(path);
    for (const SafetensorsEntry& entry : file->header().entries) {
      const auto target = wanted.find(entry.name);
      if (target == wanted.end()) {
        if (!ignored(entry.name, ignore))
          throw std::invalid_argument(path + ": the tensor '" + entry.name + "' is not part of this model; is the prefix or the config of another checkpoint?");
        continue;
      }
      if (target->second.sizes() != at::IntArrayRef(entry.shape))
        throw std::invalid_argument(path + ": expected shape " + shape_text(target->second.sizes()) + " for '" + entry.name + "', got " +
                                    shape_text(entry.shape) + "; config.json is of another model.");
      const auto dtype = safetensors_dtype(entry.dtype);
      if (!dtype || !at::isFloatingType(*dtype))
        throw std::invalid_argument(path + ": expected a floating-point '" + entry.name + "', got " + entry.dtype +
                                    "; quantised checkpoints are not read.");
      if (!found.emplace(entry.name, MatchedTensor{file, &entry}).second)
        throw std::invalid_argument(path + ": the tensor '" + entry.name + "' stands in two files, here and in " +
                                    found.at(entry.name).file->path() + ".");
    }
  }
  for (const auto& [name, target] : expected)
    if (!found.contains(name))
      throw std::invalid_argument((files.empty() ? std::string("checkpoint") : files.front()) +
                                  (files.size() > 1 ? " and " + std::to_string(files.size() - 1) + " more" : "") + ": the tensor '" + name +
                                  "' is missing.");
  return found;
}

}  // namespace mira
