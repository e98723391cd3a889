// The words of help and messages: the field's terms, and none that a reader must translate.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/command_tree.h"
#include "tests/cli/run_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

// What helps and messages once said. In lower case.
constexpr const char* kOldWords[] = {"youngest first",
                                     "youngest job first",
                                     "on a line of time",
                                     "line of time",
                                     "is no time",
                                     "is no duration",
                                     "nobody can be asked",
                                     "head field",
                                     "heads of the",
                                     "is not known here",
                                     "working / waiting",
                                     "waiting for people",
                                     "a key with one value",
                                     "is wanted",
                                     "illegal is not lost",
                                     "an object a line",
                                     "one object a line",
                                     "beyond the head",
                                     "take heed"};

std::string InLowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// As one line: a help is broken into lines as its window is wide.
std::string OneLineOf(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool is_blank = c == ' ' || c == '\n';
    if (!is_blank || !line.ends_with(' ')) line += is_blank ? ' ' : c;
  }
  return line;
}

class WordsTest : public RunTest {
 protected:
  // What the command prints on both outputs, as one line. None of the old words is in it.
  std::string Said(std::vector<std::string> arguments, int exit_code,
                   const std::string& input = "") {
    const CliResultText result = Run(std::move(arguments), input, exit_code);
    ExpectNoOldWord(result.out + result.err);
    return OneLineOf(result.out + result.err);
  }

  std::string Help(const std::string& command) {
    std::vector<std::string> words = {"help"};
    for (size_t start = 0; start < command.size();) {
      const size_t end = std::min(command.find(' ', start), command.size());
      words.push_back(command.substr(start, end - start));
      start = end + 1;
    }
    return Said(words, 0);
  }

  static void ExpectNoOldWord(const std::string& text) {
    const std::string lower = InLowerCase(OneLineOf(text));
    for (const char* word : kOldWords) {
      EXPECT_EQ(lower.find(word), std::string::npos) << "'" << word << "' in: " << text;
    }
  }
};

TEST_F(WordsTest, OfEveryHelp) {
  cli::CommandLine line;
  cli::AddCommands(line);
  size_t seen = 0;
  for (const cli::CommandDescription& command : cli::DescribeCommands(line)) {
    SCOPED_TRACE(command.path);
    const std::string help = Help(command.path);
    EXPECT_THAT(help, HasSubstr("--json print JSON, one object per line"));
    EXPECT_THAT(help, HasSubstr("--url TEXT URL of the daemon"));
    ++seen;
  }
  EXPECT_GT(seen, 25u);
  ExpectNoOldWord(Run({"man"}).out);
}

TEST_F(WordsTest, OfSingleHelps) {
  const std::pair<const char*, const char*> phrases[] = {
      {"", "List jobs, newest first"},
      {"jobs", "List jobs, newest first"},
      {"show", "a timeline of stages"},
      {"delete", "permanently"},
      {"run", "Commands still run if the daemon is unreachable"},
      {"emit", "flagged as invalid"},
      {"import", "lines of other programs"},
      {"gate wait", "Wait for a decision; 0 approved, 3 rejected"},
  };
  for (const auto& [command, phrase] : phrases) {
    SCOPED_TRACE(command);
    EXPECT_THAT(Help(command), HasSubstr(phrase));
  }
}

TEST_F(WordsTest, OfMessagesAboutWhatWasTyped) {
  StartDaemon();
  Append("job", R"({"type":"job_started"})");
  std::filesystem::create_directories(cli_.home() + "/.config/stagelog");
  struct Message {
    std::vector<std::string> arguments;
    int exit_code;
    const char* says;
  };
  const std::vector<Message> messages = {
      {{"jobs", "--since", "yesterday"}, 2, "invalid time 'yesterday'"},
      {{"tail", "--since", "yesterday"}, 2, "invalid time 'yesterday'"},
      {{"show", "job", "--at", "yesterday"}, 2, "invalid time 'yesterday'"},
      {{"replay", runs_dir() + "/job", "--from", "yesterday"}, 2, "invalid time 'yesterday'"},
      {{"state", runs_dir() + "/job", "--at", "yesterday"}, 2, "invalid time 'yesterday'"},
      {{"gate", "open", "job", "g", "--timeout", "soon"}, 2, "invalid duration 'soon'"},
      {{"delete", "job"}, 2, "not a terminal; pass --yes"},
      {{"jobs", "--token", "not-the-token"}, 6, "unknown bearer token"},
      {{"tail", "--token", "not-the-token"}, 6, "unknown bearer token"},
      {{"show", "nobody"}, 6, "there is no job 'nobody'"},
      {{"jobs", "--status", "runing"}, 2, "'running'"},
      {{"shw"}, 2, "unknown command 'shw'; did you mean 'show'?"},
  };
  for (const Message& message : messages) {
    SCOPED_TRACE(::testing::PrintToString(message.arguments));
    EXPECT_THAT(Said(message.arguments, message.exit_code), HasSubstr(message.says));
  }
  std::ofstream(cli_.home() + "/.config/stagelog/config.yaml") << "- url\n";
  EXPECT_THAT(Said({"jobs"}, 2), HasSubstr("expected `key: value`"));
}

TEST_F(WordsTest, OfMessagesAboutJobs) {
  StartDaemon();
  Append("asks", R"({"type":"gate_pause","gate":"g"})");
  const std::string picture = Said({"show", "asks"}, 0);
  EXPECT_THAT(picture, HasSubstr(" active, "));
  EXPECT_THAT(picture, HasSubstr(" waiting for approval"));
  Append("over", R"({"type":"job_completed"})");
  EXPECT_THAT(Said({"run", "--job", "over", "--stage", "s", "--", "true"}, 0),
              HasSubstr("job over is completed already: events of this stage are stored and "
                        "flagged as invalid"));
  EXPECT_THAT(Said({"emit", "over", "job_failed"}, 0),
              HasSubstr("job_over (the job is completed, failed or canceled); it is stored but "
                        "has no effect"));
  auto run = cli_.Start({"run", "--job", "j", "--", "sh", "-c", "echo begun; exec sleep 1000"});
  WaitForOutput(*run, "begun");
  EXPECT_THAT(Said({"cancel", "j"}, 0), HasSubstr("j is canceled"));
  const CliResultText result = run->Wait();
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.err;
  EXPECT_EQ(result.err, "stagelog: job j is canceled; sending SIGTERM to the command\n");
}

// The daemon's own, which other clients show as they are.
TEST_F(WordsTest, OfProblems) {
  StartDaemon();
  Append("job", R"({"type":"job_started"})");
  const std::pair<const char*, const char*> targets[] = {
      {"/api/v1/jobs?since=yesterday", "'since' must be an RFC 3339 time with a zone"},
      {"/api/v1/jobs/job?at=yesterday", "'at' must be an RFC 3339 time"},
      {"/api/v1/events?after=99", "after=99 is after the newest event (seq 1)"},
      {"/api/v1/jobs/nobody", "there is no job 'nobody'"},
      {"/api/v1/job", "no such path"},
  };
  for (const auto& [target, says] : targets) {
    const HttpResponse answer = admin().Get(target);
    EXPECT_THAT(answer.body, HasSubstr(says));
    ExpectNoOldWord(answer.body);
  }
  const HttpResponse anonymous = As("").Get("/api/v1/jobs");
  EXPECT_THAT(anonymous.body, HasSubstr("send the header 'Authorization: Bearer <token>'"));
  EXPECT_THAT(As("not-the-token").Get("/api/v1/jobs").body, HasSubstr("unknown bearer token"));
  for (const char* event :
       {R"({"type":"stage_strated"})", R"({"type":"log"})", "{", R"({"type":"log","mesage":"m"})",
        R"({"type":"log","message":"m","occurred_at":"yesterday"})"}) {
    const HttpResponse answer = admin().Post("/api/v1/jobs/job/events", event);
    EXPECT_EQ(answer.status / 100, 4) << answer.body;
    ExpectNoOldWord(answer.body);
  }
}

}  // namespace
}  // namespace stagelog
