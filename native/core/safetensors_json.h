// A pull parser for the JSON that a safetensors header may contain: objects, strings, and flat arrays of
// unsigned integers. The caller says what comes next, so nesting has no depth to exhaust.
// Strict: valid UTF-8, no lone surrogates, integers without sign, fraction, exponent or leading zero; after
// the last brace only spaces.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mira {

class StrictJson {
 public:
  // Throws when `text` is not UTF-8. `where` names the file in every error.
  StrictJson(std::string_view text, std::string where);

  bool starts_with(char c) const { return at_ < text_.size() && text_[at_] == c; }
  // Reads {"key": value, ...}; `value` is called after each colon and must consume the value.
  void object(const std::function<void(const std::string& key)>& value);
  std::string string();
  std::vector<uint64_t> integers(size_t most);
  void end();
  [[noreturn]] void fail(const std::string& what) const;

 private:
  void blanks();
  bool accept(char c);
  void expect(char c);
  uint64_t integer();
  uint32_t hex4();
  void append_escape(std::string& out);

  std::string_view text_;
  size_t at_ = 0;
  std::string where_;
};

// UTF-8 without overlong forms, surrogates or code points above U+10FFFF.
bool is_utf8(std::string_view text);

// Appends `text` quoted and escaped.
void append_json_string(std::string& json, std::string_view text);

}  // namespace mira
