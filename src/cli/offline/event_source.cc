#include "cli/offline/event_source.h"

#include <filesystem>

#include "cli/offline/daemon_events.h"
#include "core/identifier.h"

namespace stagelog::cli {

bool NamesJobOfDaemon(const std::string& name) {
  std::error_code ignored;
  const bool looks_like_path =
      name.find('/') != std::string::npos || name.ends_with(".jsonl") || !IsJobId(name);
  return !looks_like_path && !std::filesystem::exists(name, ignored);
}

CliResult<std::unique_ptr<EventSequence>> OpenEvents(const Settings& settings,
                                                     const std::string& name, Trust trust) {
  if (NamesJobOfDaemon(name)) return std::make_unique<DaemonEvents>(settings, name);
  const auto journal = FindJournal(name);
  if (!journal) return tl::unexpected(journal.error());
  auto events = FileEvents::Open(*journal, trust);
  if (!events) return tl::unexpected(events.error());
  return std::move(*events);
}

}  // namespace stagelog::cli
