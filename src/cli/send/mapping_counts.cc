#include "cli/send/mapping_counts.h"

#include "core/json_text.h"
#include "core/vocabulary.h"

namespace stagelog::cli {

void MappingCounts::AddObject(ForeignLine& line) {
  ++objects;
  if (!keys.empty()) return;
  for (const JsonMember& member : line.members()) {
    keys.push_back(member.key);
    if (member.kind != JsonMember::Kind::kObject) continue;
    for (JsonMembers inner(member.raw); inner.Next();) {
      keys.push_back(member.key + "." + std::string(inner.key()));
    }
  }
}

void MappingCounts::AddType(const std::string& type, const std::string& theirs) {
  if (!theirs.empty()) ++typed;
  const TypeTraits* traits = FindType(type);
  if (traits == nullptr) return;
  const auto add = [&](bool is_needed, Part part) {
    if (!is_needed) return;
    const size_t index = static_cast<size_t>(part);
    if (needed[index]++ == 0) needed_by[index] = theirs.empty() ? type : theirs;
  };
  add(traits->needs_stage, Part::kStage);
  add(traits->needs_gate, Part::kGate);
}

void MappingCounts::AddFailures(const FieldMapping& mapping, ForeignLine& line, bool is_end) {
  for (size_t i = 0; i < mapping.failures.size(); ++i) {
    const auto& [path, value] = mapping.failures[i];
    if (used_failures.contains(i) || (!is_end && failure_values.contains(i))) continue;
    if (!line.Find(path)) continue;
    failure_paths.insert(path);
    if (!HasValue(line, path, value)) continue;
    failure_values.insert(i);
    if (is_end) used_failures.insert(i);
  }
}

}  // namespace stagelog::cli
