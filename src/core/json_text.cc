#include "core/json_text.h"

#include "base/utf8.h"

namespace stagelog {
namespace {

bool IsJsonSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The place behind the closing quote of the string that begins at `start`.
size_t StringEnd(std::string_view json, size_t start) {
  for (size_t at = start + 1; at < json.size(); ++at) {
    if (json[at] == '\\') {
      ++at;
    } else if (json[at] == '"') {
      return at + 1;
    }
  }
  return json.size();
}

}  // namespace

std::string QuotableText(std::string_view text, size_t max_bytes) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = CharacterLength(text.substr(at));
    const std::string_view character = length == 0 ? "?" : text.substr(at, length);
    if (out.size() + character.size() > max_bytes) break;
    out += character;
    at += character.size();
  }
  return out;
}

void AppendJsonEscaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  size_t plain = 0;  // start of the run that needs no escape
  for (size_t at = 0; at < text.size(); ++at) {
    const unsigned char c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, at - plain);
    plain = at + 1;
    out += '\\';
    switch (c) {
      case '"':
      case '\\':
        out += static_cast<char>(c);
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, plain, text.size() - plain);
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  AppendJsonEscaped(out, text);
  out += '"';
}

std::string JsonString(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

void AppendJsonMember(std::string& object, std::string_view key, std::string_view json) {
  if (object.empty()) {
    object += '{';
  } else if (object.size() > 1) {
    object += ',';
  }
  AppendJsonString(object, key);
  object += ':';
  object += json;
}

std::string CompactJson(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      const size_t end = StringEnd(json, at);
      out.append(json, at, end - at);
      at = end;
    } else {
      if (!IsJsonSpace(json[at])) out += json[at];
      ++at;
    }
  }
  return out;
}

size_t JsonValueEnd(std::string_view json, size_t start) {
  size_t depth = 0;
  for (size_t at = start; at < json.size();) {
    const char c = json[at];
    if (c == '"') {
      at = StringEnd(json, at);
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return at;  // the end of what holds a bare number or word
      if (--depth == 0) return at + 1;
    }
    if (c == ',' && depth == 0) return at;
    ++at;
  }
  return json.size();
}

bool JsonMembers::Next() {
  ++at_;  // over '{' the first time, over ',' or '}' later
  if (at_ >= object_.size() || object_[at_] != '"') return false;
  const size_t key_end = StringEnd(object_, at_);
  key_ = object_.substr(at_ + 1, key_end - at_ - 2);
  const size_t value_start = key_end + 1;
  if (value_start >= object_.size()) return false;
  const size_t value_end = JsonValueEnd(object_, value_start);
  value_ = object_.substr(value_start, value_end - value_start);
  at_ = value_end;
  return true;
}

}  // namespace stagelog
