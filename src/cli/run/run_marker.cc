#include "cli/run/run_marker.h"

#include <cstdlib>

#include "base/text.h"
#include "base/utf8.h"
#include "core/identifier.h"
#include "core/json_text.h"

namespace stagelog::cli {
namespace {

constexpr std::string_view kMarkerBlanks = " \t\r";
constexpr std::string_view kDigits = "0123456789";
constexpr size_t kMaxFigureBytes = 32;
constexpr size_t kMaxUnitBytes = 64;

// A number as scripts print it, in the spelling of JSON: "007" is 7, ".5" is 0.5, "40." is 40.
std::optional<std::string> Figure(std::string_view text) {
  if (text.size() > kMaxFigureBytes) return std::nullopt;
  const size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  const std::string_view part =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  const bool is_number = whole.find_first_not_of(kDigits) == std::string_view::npos &&
                         part.find_first_not_of(kDigits) == std::string_view::npos &&
                         whole.size() + part.size() > 0;
  if (!is_number) return std::nullopt;
  while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
  std::string figure(whole.empty() ? "0" : whole);
  if (!part.empty()) figure += "." + std::string(part);
  return figure;
}

double ValueOf(const std::string& figure) { return std::strtod(figure.c_str(), nullptr); }

std::optional<RunMarker> Progress(std::string_view text) {
  RunMarker marker{RunMarker::Kind::kProgress, "", ""};
  if (text.ends_with('%')) {
    const auto percent = Figure(Trimmed(text.substr(0, text.size() - 1)));
    if (!percent || ValueOf(*percent) > 100) return std::nullopt;
    marker.payload = "{\"percent\":" + *percent + "}";
    return marker;
  }
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view behind = text.substr(slash + 1);
  const size_t blank = behind.find_first_of(kMarkerBlanks);
  const auto current = Figure(text.substr(0, slash));
  const auto total = Figure(behind.substr(0, blank));
  if (!current || !total) return std::nullopt;
  if (ValueOf(*current) > ValueOf(*total) || ValueOf(*total) > 1e18) return std::nullopt;
  marker.payload = "{\"current\":" + *current + ",\"total\":" + *total;
  if (blank != std::string_view::npos) {
    const std::string_view unit = Trimmed(behind.substr(blank));
    if (unit.size() > kMaxUnitBytes || !IsUtf8(unit)) return std::nullopt;
    marker.payload += ",\"unit\":";
    AppendJsonString(marker.payload, unit);
  }
  marker.payload += "}";
  return marker;
}

// What follows `word` and blanks; no value when the line does not begin so.
std::optional<std::string_view> Behind(std::string_view line, std::string_view word) {
  if (!line.starts_with(word)) return std::nullopt;
  line.remove_prefix(word.size());
  if (!line.empty() && kMarkerBlanks.find(line.front()) == std::string_view::npos)
    return std::nullopt;
  return Trimmed(line);
}

}  // namespace

std::optional<RunMarker> ParseRunMarker(std::string_view line) {
  if (const auto text = Behind(line, "::progress")) return Progress(*text);
  const auto name = Behind(line, "::stage");
  if (!name || (!name->empty() && !IsStagePath(*name))) return std::nullopt;
  return RunMarker{RunMarker::Kind::kStage, std::string(*name), ""};
}

}  // namespace stagelog::cli
