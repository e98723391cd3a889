#include "cli/own_job.h"

#include "base/terminal_text.h"
#include "cli/screen.h"
#include "client/settings.h"
#include "core/identifier.h"

namespace stagelog::cli {
namespace {

tl::unexpected<CliError> InvalidName(const std::string& source, const std::string& name) {
  return Fail(ExitCode::kUsage, source + "'" + EscapeControls(Shorten(name, 60)) +
                                    "' is not a job name: " + std::string(kNameRule));
}

}  // namespace

CliResult<std::optional<std::string>> OwnJob() {
  std::optional<std::string> job = ProcessEnvironment("STAGELOG_JOB");
  if (job && !IsJobId(*job)) return InvalidName("STAGELOG_JOB: ", *job);
  return job;
}

CliResult<std::string> JobOrOwn(const std::string& given, const std::string& usage) {
  if (!given.empty()) {
    if (!IsJobId(given)) return InvalidName("", given);
    return given;
  }
  auto own = OwnJob();
  if (!own) return tl::unexpected(own.error());
  if (*own) return std::move(**own);
  return Fail(ExitCode::kUsage,
              "which job? " + usage + " (the job may be omitted only within 'stagelog run')");
}

}  // namespace stagelog::cli
