// The fields that a gate asks of who approves it: a small schema (`fields` in the payload of
// gate_pause), and the answers to it (`answers` in the payload of a decision).
#ifndef STAGELOG_CORE_GATE_FIELDS_H_
#define STAGELOG_CORE_GATE_FIELDS_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/refusal.h"

namespace stagelog {

inline constexpr size_t kMaxGateFields = 32;
// Whole numbers up to here are exact as the double that most readers of JSON make of them.
inline constexpr double kGreatestAnswer = 1e15;

enum class FieldType { kText, kNumber, kChoice, kBoolean };

struct GateField {
  std::string name;  // IsName(), and no digit first
  FieldType type = FieldType::kText;
  std::string label;                 // what people are asked; empty: the name
  bool required = false;             // of an approval; a text must not be blank then
  std::vector<std::string> options;  // of a choice
  // A number's bounds; of a text the number of its characters (Unicode code points).
  std::optional<double> min;
  std::optional<double> max;
};

// What is wrong with `fields`, as a payload that is to be appended has it: invalid_field.
std::optional<Refusal> CheckGateFields(const nlohmann::json& fields);

// Total: a field that breaks the rules is left out.
std::vector<GateField> ReadGateFields(const nlohmann::json& fields);
// From what EncodeGateFields() wrote, or empty.
std::vector<GateField> DecodeGateFields(std::string_view json);

// In one form whatever was sent: keys in their order, what is at its default left out. Empty for
// no field.
std::string EncodeGateFields(const std::vector<GateField>& fields);

// The code of a violation and the refusal for it.
struct AnswerProblem {
  std::string_view violation;  // answer_required or answer_invalid
  Refusal refusal;
};

// The first thing that is wrong with `answers` (a JSON object, or empty). `needs_all`: each field
// that is required must be answered.
std::optional<AnswerProblem> CheckAnswers(const std::vector<GateField>& fields,
                                          std::string_view answers, bool needs_all);

// In the order of the fields, numbers in their shortest form; what is no answer to one of them is
// left out. Empty for none.
std::string NormalAnswers(const std::vector<GateField>& fields, std::string_view answers);

}  // namespace stagelog

#endif  // STAGELOG_CORE_GATE_FIELDS_H_
