// stagelogd: flags in, a daemon out.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <future>
#include <thread>

#include "app/daemon.h"
#include "backup/integrity_check.h"
#include "base/logging.h"
#include "base/nearest.h"
#include "base/version.h"
#include "core/json_text.h"

namespace stagelog {
namespace {

constexpr int kBadUsage = 2;

// What the command line says; it wins over the file.
struct Flags {
  std::string config_path;
  std::string host;
  int port = -1;
  std::string runs_dir;
  std::string log_level;
  bool sign_in_link = false;
  bool check_config = false;
  bool rebuild_state = false;
  bool integrity_check = false;
};

void Declare(CLI::App& command, Flags& flags) {
  command.set_version_flag("--version", "stagelogd " + std::string(Version()));
  command.add_option("--config", flags.config_path,
                     "YAML file; default: conf/operator.yaml if it exists, else built-in defaults");
  command.add_option("--host", flags.host, "address to listen on");
  command.add_option("--port", flags.port, "port to listen on; 0 picks a free one")
      ->check(CLI::Range(0, 65535));
  command.add_option("--runs-dir", flags.runs_dir, "folder of the journal");
  command
      .add_option("--log-level", flags.log_level,
                  "trace, debug, info, warning, error, critical or off")
      ->check([](const std::string& name) {
        return LogLevelOf(name) ? "" : "unknown level '" + name + "'";
      });
  command.add_flag(
      "--rebuild-state", flags.rebuild_state,
      "rebuild the state of every job from its events, report differences, then serve");
  command.add_flag("--integrity-check", flags.integrity_check,
                   "check the journal, change nothing, report problems, and exit: 0 none found, 1 "
                   "problems found, 2 the check failed");
  command.add_flag("--sign-in-link", flags.sign_in_link,
                   "with the shipped token: print a link that signs a browser in, once, within ten "
                   "minutes");
  command.add_flag("--check-config", flags.check_config, "check the configuration and exit");
}

void PrintProblems(const ConfigProblems& problems) {
  for (const std::string& problem : problems) std::fprintf(stderr, "%s\n", problem.c_str());
}

tl::expected<Config, ConfigProblems> ReadConfig(const Flags& flags) {
  tl::expected<Config, ConfigProblems> config;
  if (!flags.config_path.empty()) config = LoadConfig(flags.config_path);
  if (!config) return config;
  if (!flags.host.empty()) config->server.host = flags.host;
  if (flags.port >= 0) config->server.port = flags.port;
  if (!flags.runs_dir.empty()) config->storage.runs_dir = flags.runs_dir;
  if (!flags.log_level.empty()) config->server.log_level = *LogLevelOf(flags.log_level);
  return config;
}

// Where the configuration comes from.
std::string SourceText(const Flags& flags) {
  if (flags.config_path.empty()) return "built-in defaults (no --config, no conf/operator.yaml)";
  std::error_code error;
  const auto absolute = std::filesystem::absolute(flags.config_path, error);
  return error ? flags.config_path : absolute.lexically_normal().string();
}

void Reload(Daemon& daemon, const Flags& flags) {
  const auto config = ReadConfig(flags);
  if (!config) {
    for (const std::string& problem : config.error()) LogError("[stagelogd] {}", problem);
    LogError("[stagelogd] reload failed; keeping the old configuration");
    return;
  }
  if (const Status reloaded = daemon.Reload(*config); !reloaded) {
    LogError("[stagelogd] reload failed: {}; keeping the old configuration",
             reloaded.error().message);
    return;
  }
  LogInfo("[stagelogd] configuration reloaded: {}", SourceText(flags));
}

// A terminal or pipe that takes nothing must not keep the process from ending: everything is on the
// disk.
void StopLoggingOrLeave() {
  std::promise<void> stopped;
  std::future<void> done = stopped.get_future();
  std::thread([stopped = std::move(stopped)]() mutable {
    StopLogging();
    stopped.set_value();
  }).detach();
  if (done.wait_for(std::chrono::seconds(2)) != std::future_status::ready) ::_exit(0);
}

// What is opened later must not get the number of a standard stream and be written to as such.
void OpenStandardStreams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
  }
}

// What files hold is the text of others: nothing in it may steer the terminal.
std::string Printable(const std::string& text) {
  std::string printable = QuotableText(text, text.size());
  for (char& c : printable) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return printable;
}

int PrintIntegrity(const std::string& runs_dir) {
  const auto summary = CheckIntegrity(RealFileSystem(), runs_dir,
                                      [](const std::string& where, const std::string& what) {
                                        std::printf("%s\n", Printable(where + ": " + what).c_str());
                                      });
  if (!summary) {
    std::fprintf(stderr, "stagelogd: %s\n", Printable(summary.error().message).c_str());
    return kBadUsage;
  }
  std::printf("%s: %lld jobs, %lld events: ", Printable(runs_dir).c_str(),
              static_cast<long long>(summary->jobs), static_cast<long long>(summary->events));
  if (summary->findings == 0) std::printf("no problems found\n");
  if (summary->findings > 0) {
    std::printf("%lld problems found\n", static_cast<long long>(summary->findings));
  }
  return summary->findings == 0 ? 0 : 1;
}

// Serves until a signal says otherwise. The signals are blocked in every thread and fetched here.
int Serve(const Config& config, const Flags& flags, const sigset_t& signals) {
  // Events may hold what is not everybody's business: files 0640, folders 0750, or less.
  ::umask(::umask(0) | 0027);
  StartLogging(config.server.log_level);
  LogInfo("[stagelogd] version {}, pid {}, configuration: {}", Version(), ::getpid(),
          SourceText(flags));
  auto daemon = Daemon::Start(config, RealFileSystem(), SystemClock(), flags.rebuild_state);
  if (!daemon) {
    StopLogging();
    std::fprintf(stderr, "stagelogd: %s\n", daemon.error().message.c_str());
    return 1;
  }
  std::printf("[stagelogd] listening on %s\n", (*daemon)->url().c_str());
  const auto link = flags.sign_in_link ? (*daemon)->MakeSignInLink() : std::nullopt;
  if (link) std::printf("[stagelogd] open in a browser: %s\n", link->c_str());
  std::fflush(stdout);
  int signal_number = 0;
  while (::sigwait(&signals, &signal_number) != 0 || signal_number == SIGHUP) {
    if (signal_number == SIGHUP) Reload(**daemon, flags);
  }
  LogInfo("[stagelogd] stopping");
  daemon->reset();
  StopLoggingOrLeave();
  return 0;
}

// The first argument that `command` does not know, and the flag that was probably meant.
std::string ExplainUnknown(const CLI::App& command) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.get_options()) flags.push_back(option->get_name());
  const std::vector<std::string_view> candidates(flags.begin(), flags.end());
  const std::vector<std::string> unknown = command.remaining();
  const std::string word =
      unknown.empty() ? "" : unknown.front().substr(0, unknown.front().find('='));
  return "unknown argument '" + Printable(word) + "'" + DidYouMean(word, candidates);
}

int Main(int argument_count, char** arguments) {
  OpenStandardStreams();
  CLI::App command("stagelogd: an event journal for pipelines", "stagelogd");
  Flags flags;
  Declare(command, flags);
  try {
    command.parse(argument_count, arguments);
  } catch (const CLI::ExtrasError&) {
    std::fprintf(stderr, "stagelogd: %s\n", ExplainUnknown(command).c_str());
    return kBadUsage;
  } catch (const CLI::ParseError& problem) {
    return command.exit(problem) == 0 ? 0 : kBadUsage;
  }
  if (flags.config_path.empty() && std::filesystem::exists("conf/operator.yaml")) {
    flags.config_path = "conf/operator.yaml";
  }
  const auto config = ReadConfig(flags);
  if (!config) {
    PrintProblems(config.error());
    return kBadUsage;
  }
  for (const auto& check :
       {CheckDefaultTokenIsLocal, CheckBackupsAreOutside, CheckWebhookTargets}) {
    const Status allowed = check(*config);
    if (allowed) continue;
    std::fprintf(stderr, "stagelogd: %s\n", allowed.error().message.c_str());
    return kBadUsage;
  }
  if (flags.check_config) {
    std::printf("the configuration is valid\n");
    return 0;
  }
  if (flags.integrity_check) return PrintIntegrity(config->storage.runs_dir);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of write(), as a full disk is
  return Serve(*config, flags, signals);
}

}  // namespace
}  // namespace stagelog

int main(int argument_count, char** arguments) { return stagelog::Main(argument_count, arguments); }
