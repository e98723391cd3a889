#include "cli/send/mapping_report.h"

#include <algorithm>

#include "base/nearest.h"
#include "cli/send/container_line.h"
#include "cli/send/input_lines.h"
#include "cli/send/line_fields.h"
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

bool IsFound(const MappingCounts& counts, Part part) {
  return counts.found[static_cast<size_t>(part)];
}

// Whether the part was looked for in vain, and lines cannot do without it.
bool IsMissed(const FieldMapping& mapping, const MappingCounts& counts, Part part,
              bool skips_invalid) {
  if (mapping.Of(part).empty() || IsFound(counts, part)) return false;
  const bool is_optional = part == Part::kStage || part == Part::kGate;
  if (!is_optional || counts.typed == 0) return true;
  return counts.needed[static_cast<size_t>(part)] > 0 && !skips_invalid;
}

bool HasMatchedAll(const FieldMapping& mapping, const MappingCounts& counts) {
  for (const PartFlag& flag : PartFlags()) {
    if (!mapping.Of(flag.part).empty() && !IsFound(counts, flag.part)) return false;
  }
  return counts.lines > 0 && CheckMatched(mapping, counts, false).has_value();
}

// Counts what is there, without making events of it.
class Counter {
 public:
  Counter(const FieldMapping& mapping, MappingCounts& counts)
      : mapping_(mapping), inside_(mapping), counts_(counts) {}

  void Add(const std::string& text) {
    auto container = ReadContainerLine(text, mapping_.preset == "docker");
    if (!container) return Count(text, nullptr);
    CountAll(joined_.Add(std::move(*container), 0, ""));
  }

  void Finish() { CountAll(joined_.Finish()); }

 private:
  void CountAll(const std::vector<JoinedLine>& lines) {
    for (const JoinedLine& joined : lines) Count(joined.line.text, &joined.line);
  }

  void Count(std::string_view text, const ContainerLine* container) {
    LineFields fields(mapping_, inside_, text, container);
    if (fields.object() == nullptr) return;
    counts_.AddObject(*fields.object());
    std::string type = mapping_.type;
    std::string theirs;
    for (const PartFlag& flag : PartFlags()) {
      const auto found = fields.Find(flag.part);
      if (!found && !(flag.part == Part::kMessage && fields.is_text_named())) continue;
      ++counts_.matched[static_cast<size_t>(flag.part)];
      counts_.found[static_cast<size_t>(flag.part)] = true;
      if (flag.part != Part::kType) continue;
      theirs = TextOfScalar(*found->place.member);
      if (mapping_.types.contains(theirs)) counts_.used_types.insert(theirs);
      type = OurType(theirs);
    }
    counts_.AddType(type, theirs);
    counts_.AddFailures(mapping_, *fields.object(), false);
  }

  const std::string& OurType(const std::string& theirs) const {
    for (const auto* table : {&mapping_.types, &mapping_.preset_types}) {
      if (const auto found = table->find(theirs); found != table->end()) return found->second;
    }
    return theirs;
  }

  const FieldMapping& mapping_;
  const ContainerMapping inside_;
  ContainerLines joined_;
  MappingCounts& counts_;
};

}  // namespace

CliStatus CheckMatched(const FieldMapping& mapping, const MappingCounts& counts,
                       bool skips_invalid) {
  if (counts.lines == 0) return {};
  const std::string none = "matched none of " + LinesText(counts.lines);
  bool has_matched = false;
  for (const PartFlag& flag : PartFlags()) {
    has_matched = has_matched || IsFound(counts, flag.part);
    if (!IsMissed(mapping, counts, flag.part, skips_invalid)) continue;
    const size_t index = static_cast<size_t>(flag.part);
    if (counts.typed > 0 && counts.needed[index] > 0) {
      return Fail(ExitCode::kProblem, std::string(flag.flag) + " " + Words(mapping.Of(flag.part)) +
                                          " " + none + "; " + std::to_string(counts.needed[index]) +
                                          " of them, such as those of the type '" +
                                          QuotableText(counts.needed_by[index], 80) + "', " +
                                          (counts.needed[index] == 1 ? "needs" : "need") + " it" +
                                          Hint(mapping.Of(flag.part).front(), counts.keys) +
                                          "; a second " + flag.flag +
                                          " names another place to look");
    }
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
    if (mapping.Of(flag.part).empty() || matched * 2 >= counts.lines) continue;
    sentences.push_back("warning: " + std::string(flag.flag) + " " + Words(mapping.Of(flag.part)) +
                        " matched " + (matched == 0 ? "none" : "only " + std::to_string(matched)) +
                        " of " + LinesText(counts.lines));
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
  unused.clear();
  for (const auto& [theirs, ours] : mapping.levels) {
    if (!counts.used_levels.contains(theirs)) unused.push_back(theirs);
  }
  if (!unused.empty()) {
    sentences.push_back("warning: levels of --level-map not found in any line: " + Words(unused));
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
  Counter counter(mapping, counts);
  bool is_counting = !HasMatchedAll(mapping, counts);
  while (true) {
    const auto line = lines.Next();
    if (!line) break;  // who sends the file says so, behind what comes before
    if (!line->has_value()) break;
    ++counts.lines;
    if (is_counting && !(*line)->is_too_long) {
      counter.Add((*line)->text);
      is_counting = !HasMatchedAll(mapping, counts);
    }
    if (!(*line)->is_ended) break;  // it may become another one
    recorder.Add((*line)->text);
  }
  if (is_counting) counter.Finish();
  return recorder.Outline();
}

}  // namespace stagelog::cli
