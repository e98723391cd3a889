#include "tools/cli/event_pages.h"

#include <filesystem>

#include "base/file_system.h"
#include "core/event_codec.h"
#include "journal/line_reader.h"
#include "tools/cli/daemon_client.h"
#include "tools/cli/journal_path.h"

namespace stagelog::cli {
namespace {

CliStatus VisitFile(const std::string& path, const VisitLine& visit) {
  Result<std::unique_ptr<ReadFile>> file = RealFileSystem().OpenRead(path);
  if (!file) return Fail(ExitCode::kBadFile, file.error().message);
  LineReader reader(std::move(*file));
  for (int64_t number = 1;; ++number) {
    const auto line = reader.Next();
    if (!line) return Fail(ExitCode::kBadFile, path + ": " + line.error().message);
    if (!line->has_value()) return {};
    if (const auto event = DecodeStoredEvent((*line)->text); !event) {
      const std::string where = path + ": line " + std::to_string(number);
      if ((*line)->terminated || number == 1) {
        return Fail(ExitCode::kBadFile, where + " is no event: " + event.error().message +
                                            "; 'stagelog verify' says what can be trusted");
      }
      Complain(where + " was cut and is left out");
      return {};
    }
    if (CliStatus visited = visit((*line)->text); !visited) return visited;
  }
}

CliStatus VisitDaemon(Context& context, const std::string& job, const VisitLine& visit) {
  DaemonClient client(context.settings);
  int64_t after = 0;
  while (true) {
    const std::string target = JobTarget(job) + "/events?limit=1000&after=" + std::to_string(after);
    const auto page = client.GetLines(target);
    if (!page) return tl::unexpected(page.error());
    std::string_view lines = page->lines;
    while (!lines.empty()) {
      const size_t end = lines.find('\n');
      if (CliStatus visited = visit(lines.substr(0, end)); !visited) return visited;
      lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    }
    after = page->next_after;
    if (!page->has_more) return {};
  }
}

}  // namespace

CliStatus VisitEvents(Context& context, const std::string& name, const VisitLine& visit) {
  std::error_code ignored;
  const bool is_path =
      name.find('/') != std::string::npos || std::filesystem::exists(name, ignored);
  if (!is_path) return VisitDaemon(context, name, visit);
  const auto journal = FindJournal(name);
  if (!journal) return tl::unexpected(journal.error());
  return VisitFile(journal->path, visit);
}

}  // namespace stagelog::cli
