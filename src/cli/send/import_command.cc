// stagelog import: a journal's events, or lines of others, into a daemon.
#include <memory>

#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/send/import_run.h"
#include "cli/time_argument.h"
#include "core/identifier.h"

namespace stagelog::cli {
namespace {

// Flags as they were given, before they are put together.
struct ImportFlags {
  ImportOptions options;
  std::vector<std::string> types;
  std::vector<std::string> failures;
  std::vector<std::string> levels;
  std::string level_scale;
  std::string time_format;
  std::string time_zone;
  std::string preset;
  std::string retry = "10";
};

constexpr const char* kForeign = "Lines of other programs";

void DeclareMapping(CommandLine& line, const Command& command, ImportFlags& flags) {
  FieldMapping& mapping = flags.options.mapping;
  command.AddOption("--job", mapping.job, "job id of lines without a --job-field")
      .Name(IsJobId)
      .Group(kForeign);
  command
      .AddOption("--type", mapping.type,
                 "event type of lines without a --type-field (default: log)")
      .Group(kForeign);
  for (const PartFlag& flag : PartFlags()) {
    command.AddOption(flag.flag, mapping.Of(flag.part), flag.what).Repeatable().Group(kForeign);
  }
  command
      .AddOption("--type-map", flags.types,
                 "map their types to ours: THEIRS=OURS,... (build_finished=job_completed)")
      .Repeatable()
      .Group(kForeign);
  command
      .AddOption("--failed-if", flags.failures,
                 "FIELD=VALUE,...: a completed stage or job with this value counts as failed")
      .Repeatable()
      .Group(kForeign);
  command
      .AddOption("--level-map", flags.levels,
                 "map their levels to ours: THEIRS=OURS,... (SEVERE=error,system=info)")
      .Repeatable()
      .Group(kForeign);
  const Option scale =
      command
          .AddOption("--level-scale", flags.level_scale,
                     "scale of numeric levels: syslog, pino, bunyan, python, otel, slog, ...")
          .Group(kForeign);
  line.Offer(scale, LevelScaleNames());
  command
      .AddOption("--time-format", flags.time_format,
                 "format of times, as for strptime; %f: fraction of a second")
      .Group(kForeign);
  command
      .AddOption("--time-zone", flags.time_zone,
                 "zone of times that name none: Europe/Prague, +02:00 (default UTC)")
      .Group(kForeign);
  const std::vector<std::string_view> presets = PresetNames();
  const Option preset =
      command
          .AddOption(
              "--preset", flags.preset,
              "use the fields of a program, where no flag names another: " + JoinWords(presets))
          .Group(kForeign);
  line.Offer(preset, presets);
  command.AddFlag("--create", flags.options.create, "create missing jobs with a job_created event")
      .Group(kForeign);
}

// The mapping that the flags describe.
CliStatus PutTogether(ImportFlags& flags) {
  FieldMapping& mapping = flags.options.mapping;
  if (!mapping.type.empty()) {
    if (CliStatus sound = CheckType("--type", mapping.type); !sound) return sound;
  }
  if (!flags.level_scale.empty()) {
    mapping.level_scale = FindLevelScale(flags.level_scale);
    if (mapping.level_scale == nullptr) {
      return Fail(ExitCode::kUsage, "--level-scale: unknown scale '" + flags.level_scale +
                                        "'; available: " + JoinWords(LevelScaleNames()));
    }
  }
  if (!flags.time_format.empty()) {
    auto format = TimeFormat::Make(flags.time_format);
    if (!format) return tl::unexpected(format.error());
    mapping.time_format = std::move(*format);
  }
  if (!flags.time_zone.empty()) {
    auto zone = LocalZone::Make(flags.time_zone);
    if (!zone) return tl::unexpected(zone.error());
    mapping.time_zone = std::move(*zone);
  }
  for (const std::string& text : flags.types) {
    if (CliStatus added = AddTypes(text, mapping); !added) return added;
  }
  for (const std::string& text : flags.levels) {
    if (CliStatus added = AddLevels(text, mapping); !added) return added;
  }
  for (const std::string& text : flags.failures) {
    if (CliStatus added = AddFailures(text, mapping); !added) return added;
  }
  if (!flags.preset.empty()) {
    if (CliStatus applied = ApplyPreset(flags.preset, mapping); !applied) return applied;
  }
  const auto needs = [&](bool is_given, Part part, const char* flag) -> CliStatus {
    const size_t index = static_cast<size_t>(part);
    // Of Docker's lines the level is looked for in JSON that the program printed.
    const bool is_inside = part == Part::kLevel && mapping.preset == "docker";
    if (!is_given || is_inside || !mapping.paths[index].empty() ||
        !mapping.preset_paths[index].empty()) {
      return {};
    }
    return Fail(ExitCode::kUsage,
                std::string(flag) + " has no effect without " + PartFlags()[index].flag);
  };
  if (CliStatus sound = needs(!flags.types.empty(), Part::kType, "--type-map"); !sound)
    return sound;
  if (!flags.failures.empty() && mapping.type.empty()) {
    if (CliStatus sound = needs(true, Part::kType, "--failed-if"); !sound) return sound;
  }
  if (CliStatus sound = needs(!flags.levels.empty(), Part::kLevel, "--level-map"); !sound) {
    return sound;
  }
  if (CliStatus sound = needs(!flags.level_scale.empty(), Part::kLevel, "--level-scale"); !sound) {
    return sound;
  }
  if (CliStatus sound = needs(!flags.time_format.empty(), Part::kTime, "--time-format"); !sound) {
    return sound;
  }
  constexpr size_t kJob = static_cast<size_t>(Part::kJob);
  if (!mapping.empty() && mapping.job.empty() && mapping.paths[kJob].empty() &&
      mapping.preset_paths[kJob].empty()) {
    return Fail(ExitCode::kUsage, "no job id; give --job or --job-field");
  }
  if (flags.options.create && mapping.empty()) {
    return Fail(ExitCode::kUsage,
                "--create applies to lines of other programs only; a journal already contains "
                "job_created");
  }
  if (mapping.time_zone && mapping.empty()) {
    return Fail(ExitCode::kUsage,
                "--time-zone applies to lines of other programs only; the times of a journal are "
                "UTC");
  }
  if (flags.options.unverified && !mapping.empty()) {
    return Fail(ExitCode::kUsage,
                "--unverified applies to journals only; lines of other programs have "
                "nothing to verify");
  }
  return {};
}

}  // namespace

void AddImport(CommandLine& line) {
  const Command command = AddCommand(
      line, "import", "Send the events of a journal, or lines of other programs, to the daemon",
      "  stagelog import old-runs/render-42\n"
      "  stagelog import old-runs --url http://journal:8008\n"
      "  stagelog import app.log --job app --type-field event --time-field time \\\n"
      "      --level-field level --message-field msg\n"
      "  stagelog import build.log.gz --job build-7 --create --type-field event \\\n"
      "      --type-map build_finished=job_completed\n"
      "  journalctl -o json -u app | stagelog import - --job app --preset journald");
  auto flags = std::make_shared<ImportFlags>();
  ImportOptions& options = flags->options;
  command
      .AddOption("path", options.paths,
                 "files (also .gz, .zst), pipes, - (standard input), job folders, runs folders")
      .Required();
  DeclareMapping(line, command, *flags);
  command.AddFlag("--unverified", options.unverified,
                  "import what is readable of a damaged journal");
  command.AddFlag("--skip-invalid", options.skip_invalid,
                  "skip and count invalid lines; a line with an unknown level becomes info");
  command.AddFlag("--dry-run", options.dry_run,
                  "check only what needs no daemon, send nothing; with --json print the events");
  command.AddOption("--retry", flags->retry,
                    "how long to retry when the daemon is unreachable: seconds, or 90s, 10m "
                    "(default 10)");
  command.OnSelected([&line, flags] {
    line.action = [flags](Context& context) -> CliResult<ExitCode> {
      if (CliStatus sound = PutTogether(*flags); !sound) return tl::unexpected(sound.error());
      const auto retry_seconds = ParseWholeSeconds("--retry", flags->retry, 0, 86'400);
      if (!retry_seconds) return tl::unexpected(retry_seconds.error());
      flags->options.retry_seconds = static_cast<int>(*retry_seconds);
      return ImportRun(context, flags->options).Run();
    };
  });
}

}  // namespace stagelog::cli
