// Labels: short key-value pairs that classify jobs and by which they are found
// (`"labels":{"team":"film"}` in the payload of job_created).
#ifndef STAGELOG_CORE_LABELS_H_
#define STAGELOG_CORE_LABELS_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "core/refusal.h"

namespace stagelog {

using Labels = std::map<std::string, std::string>;  // in the order of their keys

inline constexpr size_t kMaxLabels = 32;
inline constexpr size_t kMaxLabelKeyBytes = 63;
inline constexpr size_t kMaxLabelValueBytes = 256;

// [A-Za-z0-9][A-Za-z0-9._/-]{0,62}: neither '=' nor ':', so that either may separate key and value.
bool IsLabelKey(std::string_view text);
// 1 to 256 bytes without control characters. Whoever calls knows that it is UTF-8.
bool IsLabelValue(std::string_view text);

// Validates the member `labels` of a payload (valid and compact JSON); none if it is valid. The
// refusal (invalid_field, duplicate_key) names the label.
std::optional<Refusal> CheckLabelObject(std::string_view json);

// As one compact JSON object, and back. Reading is total: what is no label is left out.
std::string EncodeLabels(const Labels& labels);
Labels DecodeLabels(std::string_view json);

// One condition on a job's labels. Without a value: the job has a label of that key.
struct LabelCondition {
  std::string key;
  std::optional<std::string> value;

  bool operator==(const LabelCondition&) const = default;
};

// "team=film", "team:film" or "team". The first '=' or ':' ends the key.
// Refusal: invalid_parameter (field `label`).
tl::expected<LabelCondition, Refusal> ParseLabelCondition(std::string_view text);

}  // namespace stagelog

#endif  // STAGELOG_CORE_LABELS_H_
