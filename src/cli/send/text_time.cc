#include "cli/send/text_time.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/text.h"

namespace stagelog::cli {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// How many bytes of `text` look as `form` says: '0' is a digit, 'T' a 'T', 't' or blank, '-' a '-'
// or '/', anything else itself. 0 unless all do.
size_t Matches(std::string_view text, std::string_view form) {
  if (text.size() < form.size()) return 0;
  for (size_t i = 0; i < form.size(); ++i) {
    const char c = text[i];
    const bool is_it = form[i] == '0'   ? IsDigit(c)
                       : form[i] == 'T' ? c == 'T' || c == 't' || c == ' '
                       : form[i] == '-' ? c == '-' || c == '/'
                                        : c == form[i];
    if (!is_it) return 0;
  }
  return form.size();
}

size_t CountDigits(std::string_view text) {
  return static_cast<size_t>(std::find_if_not(text.begin(), text.end(), IsDigit) - text.begin());
}

bool EndsHere(std::string_view rest) {
  return rest.empty() || (!IsDigit(rest.front()) && !IsLetter(rest.front()));
}

// Of a zone at the beginning of `text`, also behind one blank; 0 where none is there.
size_t SizeOfZone(std::string_view text) {
  const size_t blank = text.starts_with(' ') ? 1 : 0;
  const std::string_view zone = text.substr(blank);
  for (const std::string_view name : {"Z", "z", "UTC", "GMT"}) {
    if (zone.starts_with(name) && EndsHere(zone.substr(name.size()))) return blank + name.size();
  }
  if (!zone.starts_with('+') && !zone.starts_with('-')) return 0;
  for (const std::string_view form : {"00:00", "0000", "00"}) {
    const size_t size = Matches(zone.substr(1), form);
    if (size == 0 || !EndsHere(zone.substr(1 + size))) continue;
    // " -05 " is more likely a part of the text.
    return form == "00" && blank > 0 ? 0 : blank + 1 + size;
  }
  return 0;
}

// Of "[Europe/Berlin]", as Java prints the name of a zone right behind a time.
size_t SizeOfZoneName(std::string_view text) {
  if (!text.starts_with('[')) return 0;
  const size_t end = text.find(']');
  if (end == text.npos) return 0;
  const std::string_view name = text.substr(1, end - 1);
  const bool is_zone = name.find('/') != name.npos || name == "UTC" || name == "GMT" || name == "Z";
  return is_zone ? end + 1 : 0;
}

// Of the time that `text` begins with; 0 where it begins with none.
size_t SizeOfTime(std::string_view text) {
  size_t size = Matches(text, "0000-00-00T00:00:00");
  if (size == 0) return 0;
  if (size < text.size() && (text[size] == '.' || text[size] == ',')) {
    const size_t digits = CountDigits(text.substr(size + 1));
    if (digits > 0) size += 1 + digits;
  }
  size += SizeOfZone(text.substr(size));
  return EndsHere(text.substr(size)) ? size : 0;
}

// Of "<165>1 ", the priority and version before a time; 0 where it is not there.
size_t SizeOfSyslogHead(std::string_view text) {
  if (!text.starts_with('<')) return 0;
  const size_t digits = CountDigits(text.substr(1));
  if (digits == 0 || digits > 3 || !text.substr(1 + digits).starts_with('>')) return 0;
  size_t size = digits + 2;
  const size_t version = CountDigits(text.substr(size));
  const bool has_version =
      version > 0 && version <= 2 && text.substr(size + version).starts_with(' ');
  if (has_version) size += version + 1;
  return size;
}

}  // namespace

std::string_view WithoutBlanksAndColors(std::string_view text) {
  while (!text.empty()) {
    if (text.front() == ' ' || text.front() == '\t') {
      text.remove_prefix(1);
    } else if (text.starts_with("\x1b[")) {
      const size_t end = text.find('m', 2);
      if (end == text.npos || text.find_first_not_of("0123456789;", 2) != end) return text;
      text.remove_prefix(end + 1);
    } else {
      return text;
    }
  }
  return text;
}

std::optional<LeadingTime> FindLeadingTime(std::string_view text) {
  std::string_view rest = WithoutBlanksAndColors(text);
  rest.remove_prefix(SizeOfSyslogHead(rest));
  const char closing = rest.starts_with('[') ? ']' : rest.starts_with('(') ? ')' : '\0';
  if (closing != '\0') rest = WithoutBlanksAndColors(rest.substr(1));
  // "[2026-11-20, 09:15:01 UTC]", as Airflow prints it.
  const bool has_comma = closing != '\0' && Matches(rest, "0000-00-00, 00:00:00") > 0;
  const std::string without_comma =
      has_comma ? std::string(rest).erase(std::string_view("0000-00-00").size(), 1) : "";
  const std::string_view spelled = has_comma ? without_comma : rest;
  size_t size = SizeOfTime(spelled);
  if (size == 0) return std::nullopt;
  size += SizeOfZoneName(spelled.substr(size));
  const std::string_view found = spelled.substr(0, size);
  const auto time = ParseForeignTime(found);
  if (!time || IsZeroTime(found)) return std::nullopt;
  rest.remove_prefix(size + (has_comma ? 1 : 0));
  if (closing != '\0') {
    const std::string_view behind = WithoutBlanksAndColors(rest);
    if (behind.starts_with(closing)) rest = behind.substr(1);
  }
  return LeadingTime{*time, text.size() - rest.size()};
}

bool IsZeroTime(std::string_view text) {
  text = Trimmed(text);
  if (text.empty() || text == "-") return true;
  // The zone of the machine does not matter.
  for (const std::string_view form : {"0001-01-01T00:00:00", "0000-00-00T00:00:00"}) {
    const size_t size = std::min(text.size(), form.size());
    const bool is_date = size >= 10 && text.substr(0, 10) == form.substr(0, 10);
    if (is_date && (size == 10 || (size == form.size() && text.substr(11, 8) == form.substr(11)))) {
      return true;
    }
  }
  const std::optional<int64_t> micros = ParseUnixTime(text);
  return micros && IsZeroTime(ForeignTime{*micros, true});
}

bool IsZeroTime(const ForeignTime& time) {
  constexpr int64_t kYearOne = -62'135'596'800'000'000;
  constexpr int64_t kYearOneOfUnixNano = -6'795'364'578'871'346;  // it does not fit, and wraps
  constexpr int64_t kCut = kYearOneOfUnixNano + 1;
  return time.micros == 0 || time.micros == kYearOne || time.micros == kYearOneOfUnixNano ||
         time.micros == kCut;
}

}  // namespace stagelog::cli
