#include "core/vocabulary.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/nearest.h"
#include "base/text.h"

namespace stagelog {
namespace {

using enum EventType;

constexpr std::array<TypeTraits, 17> kTypes = {{
    {.type = kJobCreated, .name = "job_created", .status = "created", .level = "info"},
    {.type = kJobStarted, .name = "job_started", .status = "running", .level = "info"},
    {.type = kJobResumed, .name = "job_resumed", .status = "running", .level = "info"},
    {.type = kJobCompleted, .name = "job_completed", .status = "completed", .level = "info"},
    {.type = kJobFailed, .name = "job_failed", .status = "failed", .level = "error"},
    {.type = kJobCanceled, .name = "job_canceled", .status = "canceled", .level = "warning"},
    {.type = kStageStarted,
     .name = "stage_started",
     .status = "running",
     .level = "info",
     .needs_stage = true},
    {.type = kStageProgress,
     .name = "stage_progress",
     .status = "running",
     .level = "info",
     .needs_stage = true},
    {.type = kStageCompleted,
     .name = "stage_completed",
     .status = "completed",
     .level = "info",
     .needs_stage = true},
    {.type = kStageFailed,
     .name = "stage_failed",
     .status = "failed",
     .level = "error",
     .needs_stage = true},
    {.type = kGatePause,
     .name = "gate_pause",
     .status = "paused",
     .level = "warning",
     .needs_gate = true},
    {.type = kGateApproved,
     .name = "gate_approved",
     .status = "approved",
     .level = "info",
     .needs_gate = true,
     .is_gate_decision = true},
    {.type = kGateRejected,
     .name = "gate_rejected",
     .status = "rejected",
     .level = "warning",
     .needs_gate = true,
     .is_gate_decision = true},
    {.type = kGateAutoApproved,
     .name = "gate_auto_approved",
     .status = "approved",
     .level = "info",
     .needs_gate = true,
     .is_gate_decision = true},
    {.type = kGateExpired,
     .name = "gate_expired",
     .status = "expired",
     .level = "warning",
     .needs_gate = true,
     .is_gate_decision = true},
    {.type = kLog, .name = "log", .status = "", .level = "info", .needs_message = true},
    {.type = kHeartbeat, .name = "heartbeat", .status = "", .level = "info"},
}};

constexpr TypeTraits kCustomType = {.type = kCustom, .name = "x-", .status = "", .level = ""};

constexpr std::array<std::string_view, 5> kLevels = {"debug", "info", "warning", "error",
                                                     "critical"};

// x-[a-z0-9._-]{1,63}
bool IsCustomName(std::string_view name) {
  if (!name.starts_with("x-") || name.size() < 3 || name.size() > 65) return false;
  return std::all_of(name.begin() + 2, name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace

std::span<const TypeTraits> AllTypes() { return kTypes; }

const TypeTraits* FindType(std::string_view name) {
  for (const TypeTraits& row : kTypes) {
    if (row.name == name) return &row;
  }
  return IsCustomName(name) ? &kCustomType : nullptr;
}

std::string_view NearestTypeName(std::string_view name) {
  std::vector<std::string_view> names;
  for (const TypeTraits& row : kTypes) names.push_back(row.name);
  return NearestWord(name, names);
}

std::span<const std::string_view> AllLevels() { return kLevels; }

bool IsLevel(std::string_view name) {
  return std::find(kLevels.begin(), kLevels.end(), name) != kLevels.end();
}

}  // namespace stagelog
