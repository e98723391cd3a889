// stagelog import --preset: lines as the programs and libraries print them.
#include <gmock/gmock.h>

#include "tests/cli/import_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// What is to become of a line.
struct PresetLine {
  const char* line;
  const char* level;
  const char* occurred_at;
  const char* message;
  const char* payload;  // what the event does not say itself
};

class ImportPresetsTest : public ForeignLinesTest {
 protected:
  // Imports the lines with the preset and nothing else but a job of its name; twice, for the second
  // time sends nothing. Returns what the first one says on standard error.
  std::string ExpectLines(const std::string& preset, const std::vector<PresetLine>& expected) {
    std::string text;
    for (const PresetLine& line : expected) text += std::string(line.line) + "\n";
    const std::string count = std::to_string(expected.size());
    const CliResultText first = ImportInto(preset, text, {"--preset", preset});
    EXPECT_EQ(first.out, count + " events accepted, 0 already stored\n");
    EXPECT_EQ(ImportInto(preset, text, {"--preset", preset}).out,
              "0 events accepted, " + count + " already stored\n");
    EXPECT_THAT(Lines(preset), SizeIs(expected.size()));
    for (size_t i = 0; i < expected.size(); ++i) {
      SCOPED_TRACE(expected[i].line);
      const Json event = Event(preset, i);
      EXPECT_EQ(event["type"], "log");
      EXPECT_EQ(event.value("level", ""), expected[i].level);
      EXPECT_EQ(event.value("occurred_at", ""), expected[i].occurred_at);
      EXPECT_EQ(event.value("message", ""), expected[i].message);
      EXPECT_EQ(event.value("payload", Json::object()), Json::parse(expected[i].payload));
    }
    return first.err;
  }
};

TEST_F(ImportPresetsTest, Json) {
  const std::string said = ExpectLines(
      "json",
      {// Elastic's loggers (ECS)
       {R"({"@timestamp":"2025-11-28T21:00:00.123Z","log.level":"error","message":"request failed",)"
        R"("ecs.version":"1.6.0"})",
        "error", "2025-11-28T21:00:00.123000Z", "request failed", R"({"ecs.version":"1.6.0"})"},
       // logstash-logback-encoder
       {R"({"@timestamp":"2025-11-28T22:00:01.5+01:00","@version":"1","message":"slow query",)"
        R"("logger_name":"com.acme.Db","level":"WARN","level_value":30000})",
        "warning", "2025-11-28T21:00:01.500000Z", "slow query",
        R"({"@version":"1","logger_name":"com.acme.Db","level_value":30000})"},
       // Log4j 2
       {R"({"instant":{"epochSecond":1764363602,"nanoOfSecond":250000000},"level":"FATAL",)"
        R"("loggerName":"com.acme.Main","message":"out of memory"})",
        "critical", "2025-11-28T21:00:02.250000Z", "out of memory",
        R"({"instant":{"epochSecond":1764363602,"nanoOfSecond":250000000},"level":"FATAL",)"
        R"("loggerName":"com.acme.Main"})"},
       // Google Cloud
       {R"({"severity":"NOTICE","timestamp":"2025-11-28T21:00:03.1234567Z","message":"deployed"})",
        "info", "2025-11-28T21:00:03.123456Z", "deployed", R"({"severity":"NOTICE"})"},
       // Python's logging with asctime
       {R"({"asctime":"2025-01-29 13:29:27,041Z","levelname":"DEBUG","message":"xyz"})", "debug",
        "2025-01-29T13:29:27.041000Z", "xyz", "{}"},
       // winston with its timestamp
       {R"({"level":"silly","message":"tick","timestamp":"2025-11-28 21:00:04"})", "debug",
        "2025-11-28T21:00:04.000000Z", "tick",
        R"({"level":"silly","timestamp":"2025-11-28 21:00:04"})"}});
  EXPECT_EQ(said, "stagelog: 1 time has no zone; assumed UTC\n");
}

// The scale is that of whoever wrote the line, for this preset names none.
TEST_F(ImportPresetsTest, JsonGuessesTheScaleOfANumberAndSaysSo) {
  const std::string pino =
      R"({"level":40,"time":1764363600123,"pid":1,"hostname":"h","msg":"slow"})"
      "\n";
  EXPECT_THAT(ImportInto("a", pino, {"--preset", "json"}).err,
              HasSubstr("the numbers in 'level' were interpreted on the scale 'pino'"));
  EXPECT_EQ(Event("a", 0)["level"], "warning");
  const CliResultText named =
      ImportInto("b", pino, {"--preset", "json", "--level-scale", "python"});
  EXPECT_EQ(named.err, "");
  EXPECT_EQ(Event("b", 0)["level"], "error");
  EXPECT_THAT(ImportInto("c", "{\"level\":40,\"msg\":\"slow\"}\n", {"--preset", "json"}, 1).err,
              HasSubstr("file:1: level 40 is a number of an unknown scale"));
}

TEST_F(ImportPresetsTest, Pino) {
  const std::string said = ExpectLines(
      "pino",
      {{R"({"level":30,"time":1764363600123,"pid":4242,"hostname":"web-1","msg":"listening"})",
        "info", "2025-11-28T21:00:00.123000Z", "listening",
        R"({"level":30,"pid":4242,"hostname":"web-1"})"},
       {R"({"level":40,"time":1764363601456,"pid":4242,"hostname":"web-1","msg":"slow"})",
        "warning", "2025-11-28T21:00:01.456000Z", "slow",
        R"({"level":40,"pid":4242,"hostname":"web-1"})"},
       {R"({"level":50,"time":1764363602000,"pid":4242,"hostname":"web-1","err":{"type":"Error",)"
        R"("message":"boom","stack":"Error: boom\n    at main"},"msg":"request failed"})",
        "error", "2025-11-28T21:00:02.000000Z", "request failed",
        R"({"level":50,"pid":4242,"hostname":"web-1","err":{"type":"Error","message":"boom",)"
        R"("stack":"Error: boom\n    at main"}})"},
       {R"({"level":60,"time":1764363603000,"pid":4242,"hostname":"web-1","msg":"bye"})",
        "critical", "2025-11-28T21:00:03.000000Z", "bye",
        R"({"level":60,"pid":4242,"hostname":"web-1"})"},
       // formatters.level, pino.stdTimeFunctions.isoTime
       {R"({"level":"trace","time":"2025-11-28T21:00:04.000Z","pid":4242,"msg":"in"})", "debug",
        "2025-11-28T21:00:04.000000Z", "in", R"({"level":"trace","pid":4242})"}});
  EXPECT_EQ(said, "") << "the preset names the scale: nothing is guessed";
}

TEST_F(ImportPresetsTest, Bunyan) {
  const std::string said = ExpectLines(
      "bunyan", {{R"({"name":"api","hostname":"web-1","pid":4242,"level":20,"msg":"in",)"
                  R"("time":"2025-11-28T21:00:00.123Z","v":0})",
                  "debug", "2025-11-28T21:00:00.123000Z", "in",
                  R"({"name":"api","hostname":"web-1","pid":4242,"level":20,"v":0})"},
                 {R"({"name":"api","hostname":"web-1","pid":4242,"level":40,"msg":"slow",)"
                  R"("time":"2025-11-28T21:00:01.456Z","v":0})",
                  "warning", "2025-11-28T21:00:01.456000Z", "slow",
                  R"({"name":"api","hostname":"web-1","pid":4242,"level":40,"v":0})"},
                 {R"({"name":"api","hostname":"web-1","pid":4242,"level":60,"msg":"bye",)"
                  R"("time":"2025-11-28T21:00:02.000Z","v":0})",
                  "critical", "2025-11-28T21:00:02.000000Z", "bye",
                  R"({"name":"api","hostname":"web-1","pid":4242,"level":60,"v":0})"}});
  EXPECT_EQ(said, "");
}

TEST_F(ImportPresetsTest, PythonJson) {
  const std::string said = ExpectLines(
      "python-json",
      {// python-json-logger with asctime
       {R"({"asctime": "2025-11-28 21:00:00,123", "name": "app.db", "levelname": "ERROR", )"
        R"("message": "connection lost"})",
        "error", "2025-11-28T21:00:00.123000Z", "connection lost",
        R"({"asctime":"2025-11-28 21:00:00,123","name":"app.db"})"},
       // attributes of a LogRecord: the number alone is Python's
       {R"({"created": 1764363601.25, "levelno": 40, "msg": "again"})", "error",
        "2025-11-28T21:00:01.250000Z", "again", R"({"levelno":40})"},
       {R"({"created": 1764363602.5, "levelno": 30, "levelname": "WARNING", "message": "late"})",
        "warning", "2025-11-28T21:00:02.500000Z", "late", R"({"levelno":30})"},
       {R"({"timestamp": "2025-11-28T21:00:03.250000+00:00", "level": "CRITICAL", )"
        R"("logger": "app", "message": "giving up"})",
        "critical", "2025-11-28T21:00:03.250000Z", "giving up", R"({"logger":"app"})"},
       // structlog
       {R"({"event": "cache miss", "key": "k1", "level": "debug", )"
        R"("timestamp": "2025-11-28T21:00:04.123456Z"})",
        "debug", "2025-11-28T21:00:04.123456Z", "cache miss", R"({"key":"k1"})"},
       // loguru
       {R"({"text": "2025-11-28 21:00:05.5 | SUCCESS | app:main:7 - built\n", "record": {"level": )"
        R"({"name": "SUCCESS", "no": 25}, "message": "built", "time": )"
        R"({"repr": "2025-11-28 21:00:05.500000+00:00", "timestamp": 1764363605.5}}})",
        "info", "2025-11-28T21:00:05.500000Z", "built",
        R"({"text":"2025-11-28 21:00:05.5 | SUCCESS | app:main:7 - built\n","record":{"level":)"
        R"({"name":"SUCCESS","no":25},"message":"built","time":)"
        R"({"repr":"2025-11-28 21:00:05.500000+00:00","timestamp":1764363605.5}}})"},
       // What is no JSON between them has the time of the line before it.
       {"Traceback (most recent call last):", "info", "2025-11-28T21:00:05.500000Z",
        "Traceback (most recent call last):", "{}"}});
  EXPECT_EQ(said,
            "stagelog: 1 time has no zone; assumed UTC\n"
            "stagelog: 1 line is not a JSON object and became a log\n");
}

TEST_F(ImportPresetsTest, GoJson) {
  const std::string said = ExpectLines(
      "go-json",
      {// log/slog
       {R"({"time":"2025-11-28T22:00:00.123456789+01:00","level":"INFO","msg":"listening",)"
        R"("addr":":8080"})",
        "info", "2025-11-28T21:00:00.123456Z", "listening", R"({"addr":":8080"})"},
       {R"({"time":"2025-11-28T21:00:01Z","level":"WARN+1","msg":"slow"})", "warning",
        "2025-11-28T21:00:01.000000Z", "slow", R"({"level":"WARN+1"})"},
       // zap
       {R"({"level":"error","ts":1764363602.1234567,"caller":"app/main.go:42","msg":"failed"})",
        "error", "2025-11-28T21:00:02.123456Z", "failed", R"({"caller":"app/main.go:42"})"},
       {R"({"level":"dpanic","ts":1764363603.5,"msg":"impossible"})", "critical",
        "2025-11-28T21:00:03.500000Z", "impossible", R"({"level":"dpanic"})"},
       // zerolog
       {R"({"level":"fatal","time":1764363604,"message":"bye"})", "critical",
        "2025-11-28T21:00:04.000000Z", "bye", R"({"level":"fatal"})"},
       // logrus
       {R"({"level":"warning","msg":"retrying","time":"2025-11-28T21:00:05Z"})", "warning",
        "2025-11-28T21:00:05.000000Z", "retrying", "{}"}});
  EXPECT_EQ(said, "");
}

TEST_F(ImportPresetsTest, Gelf) {
  const std::string said = ExpectLines(
      "gelf",
      {{R"({"version":"1.1","host":"web-1","short_message":"disk full","full_message":"disk full\n)"
        R"(/var: 0 bytes left","timestamp":1764363600.123,"level":3,"_facility":"app"})",
        "error", "2025-11-28T21:00:00.123000Z", "disk full",
        R"({"version":"1.1","host":"web-1","full_message":"disk full\n/var: 0 bytes left",)"
        R"("level":3,"_facility":"app"})"},
       {R"({"version":"1.1","host":"web-1","short_message":"started","timestamp":1764363601,)"
        R"("level":6})",
        "info", "2025-11-28T21:00:01.000000Z", "started",
        R"({"version":"1.1","host":"web-1","level":6})"},
       {R"({"version":"1.1","host":"web-1","short_message":"on fire","timestamp":1764363602,)"
        R"("level":0})",
        "critical", "2025-11-28T21:00:02.000000Z", "on fire",
        R"({"version":"1.1","host":"web-1","level":0})"}});
  EXPECT_EQ(said, "");
}

TEST_F(ImportPresetsTest, Docker) {
  const std::string said = ExpectLines(
      "docker",
      {{R"({"log":"listening on :8080\n","stream":"stdout","time":"2025-11-28T21:00:00.123456789Z"})",
        "info", "2025-11-28T21:00:00.123456Z", "listening on :8080", R"({"stream":"stdout"})"},
       {R"({"log":"ERROR: connection lost\r\n","stream":"stderr",)"
        R"("time":"2025-11-28T21:00:01.5Z"})",
        "error", "2025-11-28T21:00:01.500000Z", "ERROR: connection lost", R"({"stream":"stderr"})"},
       {R"({"log":"[warn] slow\n","stream":"stderr","time":"2025-11-28T21:00:02Z"})", "warning",
        "2025-11-28T21:00:02.000000Z", "[warn] slow", R"({"stream":"stderr"})"}});
  EXPECT_EQ(said,
            "stagelog: levels were read from message prefixes such as [INFO], WARN: or <3> (2 "
            "lines); a field given with --level-field takes precedence\n");
}

// A line as Docker stores it.
std::string DockerLine(const std::string& log, const std::string& stream = "stdout",
                       const std::string& second = "01") {
  return Json{{"log", log}, {"stream", stream}, {"time", "2025-11-28T21:00:" + second + "Z"}}
             .dump() +
         "\n";
}

TEST_F(ImportPresetsTest, DockerPiecesOfALineAreJoined) {
  const std::string first(16'384, 'a');
  const std::string text = DockerLine(first) + DockerLine("ERROR: no\n", "stderr", "02") +
                           DockerLine("end\n", "stdout", "03") + DockerLine("\n", "stdout", "04") +
                           DockerLine("$ ", "stdout", "05");
  const CliResultText result = Import(text, {"--preset", "docker"});
  EXPECT_EQ(result.out, "4 events accepted, 0 already stored\n");
  EXPECT_EQ(Event("j", 0)["message"], "ERROR: no") << "the streams are apart";
  EXPECT_EQ(Event("j", 1)["message"], first + "end");
  EXPECT_EQ(Event("j", 1)["occurred_at"], "2025-11-28T21:00:01.000000Z") << "when it began";
  EXPECT_EQ(Event("j", 1)["payload"], Json::parse(R"({"stream":"stdout"})"));
  EXPECT_EQ(Event("j", 2)["payload"], Json::parse(R"({"blank":true,"stream":"stdout"})"));
  EXPECT_EQ(Event("j", 3)["message"], "$ ");
  EXPECT_EQ(Event("j", 3)["payload"],
            Json::parse(R"({"part":1,"continues":true,"stream":"stdout"})"));
  EXPECT_EQ(Import(text, {"--preset", "docker"}).out, "0 events accepted, 4 already stored\n");
  EXPECT_EQ(Import(text + DockerLine("exit\n"), {"--preset", "docker"}).out,
            "1 events accepted, 3 already stored\n");
  EXPECT_EQ(Event("j", 4)["message"], "$ exit") << "nothing of what came later is lost";
}

TEST_F(ImportPresetsTest, DockerALineBeyondAllBoundsComesInParts) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += DockerLine(std::string(16'384, static_cast<char>('a' + i)));
  text += DockerLine("end\n");
  EXPECT_EQ(Import(text, {"--preset", "docker"}).out, "3 events accepted, 0 already stored\n");
  std::string joined;
  for (size_t i = 0; i < 3; ++i) {
    const Json event = Event("j", i);
    EXPECT_EQ(event["payload"]["part"], i + 1);
    EXPECT_EQ(event["payload"]["continues"], i < 2);
    joined += event["message"].get<std::string>();
  }
  EXPECT_EQ(joined.size(), 20 * 16'384U + 3);
  EXPECT_THAT(joined, ::testing::EndsWith("tttend"));
}

TEST_F(ImportPresetsTest, DockerJsonInsideIsReadAsJson) {
  const std::string entry =
      R"({"level":"warn","ts":1604667599274,"msg":"slow","n":1,"stream":"x"})";
  const std::string text = DockerLine(entry.substr(0, 20)) + DockerLine(entry.substr(20) + "\n") +
                           DockerLine("{\"severity\":\"ERROR\",\"message\":\"no time\"}\n") +
                           DockerLine("{\"level\":50,\"time\":0,\"msg\":\"cut \\ud83d\"}\n") +
                           DockerLine("{ no JSON\n");
  const CliResultText result = Import(text, {"--preset", "docker", "--level-scale", "pino"});
  EXPECT_EQ(result.out, "4 events accepted, 0 already stored\n");
  EXPECT_THAT(result.err, HasSubstr("1 line has half of a character"));
  EXPECT_THAT(LevelsOf("j"), ::testing::ElementsAre("warning", "error", "error", "info"));
  EXPECT_EQ(Event("j", 0)["message"], "slow");
  EXPECT_EQ(Event("j", 0)["occurred_at"], "2020-11-06T12:59:59.274000Z") << "its own";
  EXPECT_EQ(
      Event("j", 0)["payload"],
      Json::parse(R"({"n":1,"stream":"x","stream_":"stdout","time":"2025-11-28T21:00:01Z"})"));
  EXPECT_EQ(Event("j", 1)["occurred_at"], "2025-11-28T21:00:01.000000Z");
  EXPECT_EQ(Event("j", 2)["occurred_at"], "2025-11-28T21:00:01.000000Z") << "0 is no time";
  EXPECT_EQ(Event("j", 2)["message"], "cut \uFFFD");
  EXPECT_EQ(Event("j", 3)["message"], "{ no JSON");
  EXPECT_THAT(ImportInto("k", text, {"--preset", "docker", "--level-field", "severity"}).out,
              HasSubstr("4 events accepted"));
  EXPECT_THAT(ImportInto("k", text, {"--preset", "docker", "--level-field", "severty"}, 1).err,
              HasSubstr("--level-field severty matched none"));
}

TEST_F(ImportPresetsTest, LinesOfCri) {
  const std::string text =
      "2025-11-28T21:00:01.718467142Z stderr F [warn] slow\n"
      "2025-11-28T21:00:02Z stdout P {\"level\":\"error\",\n"
      "2025-11-28T21:00:02.5+00:00 stderr F \n"
      "2025-11-28T21:00:03Z stdout F \"msg\":\"failed\"}\n"
      "2025-11-28T21:00:04Z stdout X text\n";
  EXPECT_EQ(Import(text, {}).out, "4 events accepted, 0 already stored\n");
  EXPECT_THAT(LevelsOf("j"), ::testing::ElementsAre("warning", "info", "error", "info"));
  EXPECT_EQ(Event("j", 0)["message"], "[warn] slow");
  EXPECT_EQ(Event("j", 0)["occurred_at"], "2025-11-28T21:00:01.718467Z");
  EXPECT_EQ(Event("j", 0)["payload"], Json::parse(R"({"stream":"stderr"})"));
  EXPECT_EQ(Event("j", 1)["payload"], Json::parse(R"({"blank":true,"stream":"stderr"})"));
  EXPECT_EQ(Event("j", 2)["message"], "failed");
  EXPECT_EQ(Event("j", 2)["occurred_at"], "2025-11-28T21:00:02.000000Z");
  EXPECT_EQ(Event("j", 3)["message"], "2025-11-28T21:00:04Z stdout X text");
}

TEST_F(ImportPresetsTest, DbtShowsWhyANodeFailed) {
  const auto line = [](const std::string& name, const std::string& node, const std::string& status,
                       const std::string& cause = "") {
    Json result = {{"status", status}};
    if (!cause.empty()) result["message"] = cause;
    return Json{{"info",
                 {{"name", name},
                  {"level", "debug"},
                  {"msg", "Finished running node"},
                  {"ts", "2026-03-01T09:00:00Z"}}},
                {"data",
                 {{"node_info", {{"unique_id", node}, {"node_status", status}}},
                  {"run_result", result}}}}
               .dump() +
           "\n";
  };
  const std::string text = line("MainReportVersion", "", "") + line("NodeStart", "a", "started") +
                           line("NodeFinished", "a", "error", "Database Error in model a") +
                           line("NodeFinished", "b", "skipped") +
                           line("NodeStart", "c", "started") + line("LogModelResult", "c", "fail") +
                           line("NodeFinished", "c", "fail", "twice") +
                           line("NodeStart", "d", "started") + line("NodeFinished", "d", "skipped");
  const CliResultText result = Import(text, {"--preset", "dbt", "--create"});
  EXPECT_EQ(result.out, "9 events accepted, 0 already stored, jobs created: 1\n")
      << "none is flagged";
  EXPECT_EQ(Event("j", 3)["type"], "stage_failed");
  EXPECT_EQ(Event("j", 3)["level"], "error");
  EXPECT_EQ(Event("j", 3)["message"], "Database Error in model a");
  EXPECT_EQ(Event("j", 3)["payload"]["info"]["msg"], "Finished running node");
  EXPECT_EQ(Event("j", 4)["type"], "x-nodefinished") << "it never ran";
  EXPECT_EQ(Event("j", 4)["stage"], "b");
  EXPECT_EQ(Event("j", 7)["type"], "x-nodefinished") << "said twice";
  EXPECT_EQ(Event("j", 7)["level"], "error");
  EXPECT_EQ(Event("j", 7)["message"], "twice");
  EXPECT_EQ(Event("j", 9)["type"], "stage_completed") << "it had begun";
}

}  // namespace
}  // namespace stagelog
