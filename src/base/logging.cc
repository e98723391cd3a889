#include "base/logging.h"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>
#include <utility>

namespace stagelog {

namespace {

// The mirror of the events is as it is: those lines have times of their own. All others get time
// and level.
class ConsoleFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    spdlog::formatter& chosen = text.starts_with(kEventTag) ? events_ : own_;
    chosen.format(message, out);
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<ConsoleFormatter>();
  }

 private:
  static constexpr std::string_view kEventTag = "[events] ";

  spdlog::pattern_formatter events_{"%^%v%$", spdlog::pattern_time_type::utc};
  spdlog::pattern_formatter own_{"%Y-%m-%dT%H:%M:%S.%fZ %^%l%$ %v", spdlog::pattern_time_type::utc};
};

constexpr std::array<std::string_view, 7> kLevelNames = {"trace", "debug",    "info", "warning",
                                                         "error", "critical", "off"};

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  static_assert(static_cast<int>(LogLevel::kTrace) == spdlog::level::trace);
  static_assert(static_cast<int>(LogLevel::kOff) == spdlog::level::off);
  return static_cast<spdlog::level::level_enum>(level);
}

}  // namespace

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  for (size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::string_view LogLevelName(LogLevel level) { return kLevelNames[static_cast<size_t>(level)]; }

void StartLogging(LogLevel level) {
  spdlog::init_thread_pool(8192, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto logger =
      std::make_shared<spdlog::async_logger>("stagelog", std::move(sink), spdlog::thread_pool(),
                                             spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(SpdlogLevel(level));
  logger->set_formatter(std::make_unique<ConsoleFormatter>());
  spdlog::set_default_logger(std::move(logger));
}

void StopLogging() {
  // Outlives the thread that writes with it.
  const std::shared_ptr<spdlog::logger> logger = spdlog::default_logger();
  spdlog::shutdown();
}

void SetLogLevel(LogLevel level) { spdlog::set_level(SpdlogLevel(level)); }

bool IsLogged(LogLevel level) {
  return spdlog::default_logger_raw()->should_log(SpdlogLevel(level));
}

void LogText(LogLevel level, std::string_view text) {
  spdlog::default_logger_raw()->log(SpdlogLevel(level), spdlog::string_view_t(text));
}

void LogFormatted(LogLevel level, fmt::string_view format, fmt::format_args arguments) {
  if (IsLogged(level)) LogText(level, fmt::vformat(format, arguments));
}

}  // namespace stagelog
