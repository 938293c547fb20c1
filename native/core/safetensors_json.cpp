// See safetensors_json.h.
#include "native/core/safetensors_json.h"
#include <cstdio>
#include <stdexcept>

namespace mira {
namespace {

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto byte = static_cast<unsigned char>(text[i]);
    int more = byte < 0x80 ? 0 : byte >> 5 == 6 ? 1 : byte >> 4 == 14 ? 2 : byte >> 3 == 30 ? 3 : -1;
    if (more < 0 || i + static_cast<size_t>(more) >= text.size()) return false;
    uint32_t code = more == 0 ? byte : byte & (0x3fu >> more);
    for (int k = 1; k <= more; ++k) {
      auto next = static_cast<unsigned char>(text[i + static_cast<size_t>(k)]);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3f);
    }
    constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (code < kLeast[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += static_cast<size_t>(more) + 1;
  }
  return true;
}

StrictJson::StrictJson(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {
  if (!is_utf8(text)) fail("the header is not UTF-8");
}

void StrictJson::fail(const std::string& what) const {
  throw std::invalid_argument(where_ + ": not a valid safetensors file: " + what);
}

void StrictJson::blanks() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
}

bool StrictJson::accept(char c) {
  blanks();
  if (!starts_with(c)) return false;
  ++at_;
  return true;
}

void StrictJson::expect(char c) {
  if (accept(c)) return;
  fail(std::string("expected '") + c + "' at byte " + std::to_string(at_) + " of the header" +
       (at_ == text_.size() ? ", which ends there" : ""));
}

void StrictJson::object(const std::function<void(const std::string&)>& value) {
  expect('{');
  if (accept('}')) return;
  do {
    std::string key = string();
    expect(':');
    value(key);
  } while (accept(','));
  expect('}');
}

std::string StrictJson::string() {
  expect('"');
  std::string out;
  for (;;) {
    if (at_ >= text_.size()) fail("a string in the header is not closed");
    char c = text_[at_++];
    if (c == '"') return out;
    if (static_cast<unsigned char>(c) < 0x20) fail("a string in the header contains a control character");
    if (c == '\\') append_escape(out);
    else out += c;
  }
}

uint32_t StrictJson::hex4() {
  uint32_t code = 0;
  for (int i = 0; i < 4; ++i) {
    char c = at_ < text_.size() ? text_[at_++] : '?';
    uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                     : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                            : 16;
    if (digit == 16) fail("a \\u escape needs four hexadecimal digits");
    code = code << 4 | digit;
  }
  return code;
}

void StrictJson::append_escape(std::string& out) {
  char c = at_ < text_.size() ? text_[at_++] : '?';
  switch (c) {
    case '"':
    case '\\':
    case '/': out += c; return;
    case 'b': out += '\b'; return;
    case 'f': out += '\f'; return;
    case 'n': out += '\n'; return;
    case 'r': out += '\r'; return;
    case 't': out += '\t'; return;
    case 'u': break;
    default: fail("unknown escape in a string of the header");
  }
  uint32_t code = hex4();
  if (code >= 0xdc00 && code < 0xe000) fail("a \\u escape is half of a surrogate pair");
  if (code >= 0xd800 && code < 0xdc00) {
    if (text_.substr(at_, 2) != "\\u") fail("a \\u escape is half of a surrogate pair");
    at_ += 2;
    uint32_t low = hex4();
    if (low < 0xdc00 || low >= 0xe000) fail("a \\u escape is half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  append_utf8(out, code);
}

uint64_t StrictJson::integer() {
  blanks();
  size_t start = at_;
  uint64_t value = 0;
  while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
    uint64_t digit = static_cast<uint64_t>(text_[at_++] - '0');
    if (__builtin_mul_overflow(value, uint64_t{10}, &value) || __builtin_add_overflow(value, digit, &value)) {
      fail("an integer of the header does not fit in 64 bits");
    }
  }
  if (at_ == start || (at_ - start > 1 && text_[start] == '0')) {
    fail("expected an unsigned integer at byte " + std::to_string(start) + " of the header");
  }
  return value;
}

std::vector<uint64_t> StrictJson::integers(size_t most) {
  std::vector<uint64_t> values;
  expect('[');
  if (accept(']')) return values;
  do {
    if (values.size() == most)
      fail("a list in the header has more than " + std::to_string(most) + " numbers");
    values.push_back(integer());
  } while (accept(','));
  expect(']');
  return values;
}

void StrictJson::end() {
  while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  if (at_ != text_.size()) fail("something other than spaces follows the header's last brace");
}

void append_json_string(std::string& json, std::string_view text) {
  json += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      json += escape;
    } else {
      json += c;
    }
  }
  json += '"';
}

}  // namespace mira
