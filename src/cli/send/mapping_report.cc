#include "cli/send/mapping_report.h"

#include <algorithm>

#include "base/nearest.h"
#include "cli/send/input_lines.h"
#include "core/json_text.h"

namespace stagelog::cli {
namespace {

std::string Words(const std::vector<std::string>& paths) {
  std::string words;
  for (const std::string& path : paths) words += (words.empty() ? "" : ", ") + path;
  return QuotableText(words, 120);
}

std::string LinesText(int64_t lines) {
  return std::to_string(lines) + (lines == 1 ? " line" : " lines");
}

std::string Hint(const std::string& wanted, const std::vector<std::string>& keys) {
  const std::vector<std::string_view> known(keys.begin(), keys.end());
  const std::string_view nearest = NearestWord(wanted, known);
  if (nearest == wanted) return " (in the first object it is null, empty, an object or an array)";
  return nearest.empty() ? "" : " (the first object has '" + QuotableText(nearest, 80) + "')";
}

int64_t MatchedBy(const MappingCounts& counts, Part part) {
  return counts.matched[static_cast<size_t>(part)];
}

bool HasMatchedAll(const FieldMapping& mapping, const MappingCounts& counts) {
  return counts.lines > 0 && CheckMatched(mapping, counts).has_value();
}

// Counts what is there, without making events of it.
void Count(const FieldMapping& mapping, const std::string& text, MappingCounts& counts) {
  auto line = ForeignLine::Parse(text);
  if (!line) return;
  counts.AddObject(*line);
  for (const PartFlag& flag : PartFlags()) {
    const auto place = mapping.Find(*line, flag.part);
    if (!place) continue;
    ++counts.matched[static_cast<size_t>(flag.part)];
    counts.found[static_cast<size_t>(flag.part)] = true;
    const std::string value = TextOfScalar(*place->member);
    if (flag.part == Part::kType && mapping.types.contains(value)) counts.used_types.insert(value);
  }
  counts.AddFailures(mapping, *line, false);
}

}  // namespace

CliStatus CheckMatched(const FieldMapping& mapping, const MappingCounts& counts) {
  if (counts.lines == 0) return {};
  const std::string none = "matched none of " + LinesText(counts.lines);
  bool has_matched = false;
  for (const PartFlag& flag : PartFlags()) {
    const bool is_found = counts.found[static_cast<size_t>(flag.part)];
    has_matched = has_matched || is_found;
    if (mapping.Of(flag.part).empty() || is_found) continue;
    return Fail(ExitCode::kProblem, std::string(flag.flag) + " " + Words(mapping.Of(flag.part)) +
                                        " " + none +
                                        Hint(mapping.Of(flag.part).front(), counts.keys));
  }
  if (!mapping.preset.empty() && !has_matched) {
    return Fail(ExitCode::kProblem,
                "--preset " + mapping.preset + " " + none + ": no line has a field of the preset");
  }
  const bool has_used_type =
      std::any_of(mapping.types.begin(), mapping.types.end(),
                  [&](const auto& entry) { return counts.used_types.contains(entry.first); });
  if (!mapping.types.empty() && !has_used_type) {
    return Fail(ExitCode::kProblem, "--type-map " + none + ": no line has a mapped type");
  }
  for (const auto& [path, value] : mapping.failures) {
    if (counts.failure_paths.contains(path)) continue;
    return Fail(ExitCode::kProblem, "--failed-if " + QuotableText(path + "=" + value, 120) + " " +
                                        none + ": no line has the field" + Hint(path, counts.keys));
  }
  return {};
}

std::vector<std::string> FewMatched(const FieldMapping& mapping, const MappingCounts& counts) {
  std::vector<std::string> sentences;
  for (const PartFlag& flag : PartFlags()) {
    const int64_t matched = MatchedBy(counts, flag.part);
    if (mapping.Of(flag.part).empty() || matched == 0 || matched * 2 >= counts.lines) continue;
    sentences.push_back("warning: " + std::string(flag.flag) + " " + Words(mapping.Of(flag.part)) +
                        " matched only " + std::to_string(matched) + " of " +
                        LinesText(counts.lines));
  }
  for (size_t i = 0; i < mapping.failures.size(); ++i) {
    if (counts.lines == 0 || counts.used_failures.contains(i)) continue;
    const auto& [path, value] = mapping.failures[i];
    sentences.push_back("warning: --failed-if " + QuotableText(path + "=" + value, 120) +
                        (counts.failure_values.contains(i)
                             ? ": no completed stage or job has this value"
                             : ": no line has this value"));
  }
  std::vector<std::string> unused;
  for (const auto& [theirs, ours] : mapping.types) {
    if (!counts.used_types.contains(theirs)) unused.push_back(theirs);
  }
  if (!unused.empty() && unused.size() < mapping.types.size()) {
    sentences.push_back("warning: types of --type-map not found in any line: " + Words(unused));
  }
  return sentences;
}

CliResult<FileOutline> Survey(const std::string& path, const std::string& name,
                              const FieldMapping& mapping, const ImportLedger& ledger,
                              MappingCounts& counts) {
  auto source = OpenByteSource(path, name);
  if (!source) return Fail(ExitCode::kBadFile, source.error().message);
  InputLines lines(std::move(*source));
  OutlineRecorder recorder(ledger);
  bool is_counting = !HasMatchedAll(mapping, counts);
  while (true) {
    const auto line = lines.Next();
    if (!line) break;  // who sends the file says so, behind what comes before
    if (!line->has_value()) break;
    ++counts.lines;
    if (is_counting && !(*line)->is_too_long) {
      Count(mapping, (*line)->text, counts);
      is_counting = !HasMatchedAll(mapping, counts);
    }
    if (!(*line)->is_ended) break;  // it may become another one
    recorder.Add((*line)->text);
  }
  return recorder.Outline();
}

}  // namespace stagelog::cli
