// Holds the tables of src/core/state-machine.md against the code: every pair of a state and a type
// of event is walked.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/job_state_json.h"
#include "tests/core/job_story.h"

namespace stagelog {
namespace {

using Cells = std::vector<std::string>;

struct Table {
  Cells columns;  // without the first, which names the rows
  std::vector<Cells> rows;
};

// One row of a table in Markdown; emphasis of code does not count.
Cells CellsOf(const std::string& line) {
  Cells cells;
  std::string cell;
  for (size_t at = 1; at < line.size(); ++at) {
    if (line[at] == '|') {
      const size_t first = cell.find_first_not_of(' ');
      const size_t last = cell.find_last_not_of(' ');
      cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
      cell.clear();
    } else if (line[at] != '`') {
      cell += line[at];
    }
  }
  return cells;
}

// The first table below a heading of the document.
Table ReadTable(const std::string& heading) {
  std::ifstream document(STAGELOG_STATE_MACHINE_DOC);
  std::vector<Cells> lines;
  bool is_below = false;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with('#')) is_below = line.ends_with("# " + heading);
    if (is_below && line.starts_with('|')) lines.push_back(CellsOf(line));
    if (!line.starts_with('|') && !lines.empty()) break;
  }
  EXPECT_GE(lines.size(), 3u) << "no table below '" << heading << "'";
  Table table;
  if (lines.size() < 3) return table;
  table.columns.assign(lines[0].begin() + 1, lines[0].end());
  table.rows.assign(lines.begin() + 2, lines.end());
  return table;
}

using Outcome = std::function<std::string(const std::string& row, const std::string& column)>;

// The document's table has exactly these rows and columns, and each cell says what comes out.
void ExpectTable(const std::string& heading, const Cells& rows, const Cells& columns,
                 const Outcome& outcome) {
  const Table table = ReadTable(heading);
  EXPECT_EQ(table.columns, columns) << heading;
  Cells names;
  for (const Cells& row : table.rows) names.push_back(row.front());
  EXPECT_EQ(names, rows) << heading;
  for (const Cells& row : table.rows) {
    ASSERT_EQ(row.size(), table.columns.size() + 1) << heading << ", row " << row.front();
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (std::find(columns.begin(), columns.end(), table.columns[i]) == columns.end()) continue;
      if (std::find(rows.begin(), rows.end(), row.front()) == rows.end()) continue;
      EXPECT_EQ(row[i + 1], outcome(row.front(), table.columns[i]))
          << heading << ": " << row.front() << " when " << table.columns[i]
          << " (first the document, then the code)";
    }
  }
}

// Every type that is stored. One name stands for all of the user's own.
Cells StoredTypes() {
  Cells types;
  for (const TypeTraits& traits : AllTypes()) {
    if (traits.type != EventType::kHeartbeat) types.emplace_back(traits.name);
  }
  types.emplace_back("x-...");
  return types;
}

Cells TypesThatBeginWith(const std::string& prefix) {
  Cells types = StoredTypes();
  std::erase_if(types, [&](const std::string& type) { return !type.starts_with(prefix); });
  return types;
}

std::string Bracketed(const std::vector<std::string>& codes) {
  if (codes.empty()) return "";
  std::string text = " [";
  for (const std::string& code : codes) text += (text.size() > 2 ? ", " : "") + code;
  return text + "]";
}

// What must be as it was after an event that is stored, flagged and otherwise without effect.
JobState WithoutCounters(JobState state) {
  state.job_seq = state.as_of_seq = state.updated_at_micros = state.violation_count = 0;
  state.latest_micros = 0;
  state.last_hash.clear();
  return state;
}

// Folds one more event. One that is flagged changes nothing, unless its codes count or it is the
// first.
std::string Told(JobStory& story, const std::string& type, const EventParts& parts) {
  const JobState before = story.state();
  story.Tell(type == "x-..." ? "x-note" : type, parts);
  const auto& codes = story.violations();
  if (before.job_seq > 0 && !std::all_of(codes.begin(), codes.end(), ViolationCounts)) {
    EXPECT_EQ(WithoutCounters(before), WithoutCounters(story.state())) << type;
  }
  return Bracketed(codes);
}

// --- The job ---

const Cells kJobStates = {"none",      "created",   "running", "paused",  "held",
                          "resumable", "completed", "failed",  "canceled"};

JobStory JobThatIs(const std::string& state, const std::string& stage = "") {
  JobStory story;
  if (state == "none") return story;
  story.Tell("job_created");
  if (state == "created") return story;
  story.Tell("job_started");
  if (!stage.empty()) story.Tell("stage_started", {.stage = stage});
  if (state == "paused" || state == "held" || state == "resumable") {
    story.Tell("gate_pause", {.gate = "opened"});
  }
  if (state == "held") story.Tell("gate_rejected", {.gate = "opened"});
  if (state == "resumable") story.Tell("gate_approved", {.gate = "opened"});
  const Cells ends = {"completed", "failed", "canceled"};
  if (std::find(ends.begin(), ends.end(), state) != ends.end()) story.Tell("job_" + state);
  return story;
}

TEST(StateMachineTableTest, JobsByEveryTypeOfEvent) {
  ExpectTable("Jobs", StoredTypes(), kJobStates, [](const auto& type, const auto& state) {
    JobStory story = JobThatIs(state);
    const EventParts parts = {.stage = "new", .gate = state == "paused" ? "opened" : "new"};
    const std::string codes = Told(story, type, parts);
    return std::string(StatusName(story.state().status)) + codes;
  });
}

TEST(StateMachineTableTest, ANewEpochInEveryState) {
  ExpectTable("A new epoch", {"job_resumed"}, kJobStates, [](const auto& type, const auto& state) {
    JobStory story = JobThatIs(state, "s");
    const std::string codes = Told(story, type, {.payload = R"({"new_epoch":true})"});
    const JobState& job = story.state();
    const StageState* stage = job.FindStage("s");
    return std::string(StatusName(job.status)) + " " + std::to_string(job.epoch) + codes +
           (stage == nullptr ? "" : ", " + std::string(StatusName(stage->status)));
  });
}

TEST(StateMachineTableTest, AnExpiryHoldsTheJobAsARejectionDoes) {
  for (const std::string& type : StoredTypes()) {
    JobStory rejected = JobThatIs("held");
    JobStory expired = JobThatIs("paused");
    expired.Tell("gate_expired", {.gate = "opened"});
    const EventParts parts = {.stage = "new", .gate = "new"};
    EXPECT_EQ(Told(rejected, type, parts), Told(expired, type, parts)) << type;
    EXPECT_EQ(rejected.state().status, expired.state().status) << type;
  }
}

TEST(StateMachineTableTest, AnAutomaticApprovalMakesTheJobResumableToo) {
  for (const std::string& type : StoredTypes()) {
    JobStory approved = JobThatIs("resumable");
    JobStory automatic = JobThatIs("paused");
    automatic.Tell("gate_auto_approved", {.gate = "opened"});
    const EventParts parts = {.stage = "new", .gate = "new"};
    EXPECT_EQ(Told(approved, type, parts), Told(automatic, type, parts)) << type;
    EXPECT_EQ(approved.state().status, automatic.state().status) << type;
  }
}

// --- Stages ---

const Cells kStageStates = {"none", "running", "completed", "failed", "abandoned"};

// A running job whose stage had attempts up to `attempt`.
JobStory StageThatIs(const std::string& state, std::optional<int64_t> attempt = std::nullopt) {
  JobStory story = JobThatIs("running");
  if (state == "none") return story;
  story.Tell("stage_started", {.stage = "s", .attempt = attempt});
  if (state == "completed" || state == "failed") story.Tell("stage_" + state, {.stage = "s"});
  if (state == "abandoned") story.Tell("job_failed").Tell("job_resumed");
  return story;
}

std::string StageOutcome(JobStory story, const std::string& type, const EventParts& parts) {
  const std::string codes = Told(story, type, parts);
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
  const StageState* last = story.state().FindStage("s");
  if (last == nullptr) return "none" + codes;
  return std::to_string(last->attempt) + " " + std::string(StatusName(last->status)) + codes;
}

TEST(StateMachineTableTest, StagesByTheirEvents) {
  ExpectTable("Stages", TypesThatBeginWith("stage_"), kStageStates,
              [](const auto& type, const auto& state) {
                return StageOutcome(StageThatIs(state), type, {.stage = "s"});
              });
}

TEST(StateMachineTableTest, AttemptsThatTheEventNames) {
  Cells columns;
  for (const char* state : {"running", "completed", "failed", "abandoned"}) {
    for (const char* attempt : {"1", "2", "5"}) {
      columns.push_back("2 " + std::string(state) + ", says " + attempt);
    }
  }
  ExpectTable("Attempts by number", columns, TypesThatBeginWith("stage_"),
              [](const auto& row, const auto& type) {
                const std::string state = row.substr(2, row.find(',') - 2);
                return StageOutcome(StageThatIs(state, 2), type,
                                    {.stage = "s", .attempt = row.back() - '0'});
              });
}

// --- Gates ---

const Cells kGateStates = {"none",          "pending", "approved", "rejected",
                           "auto_approved", "expired", "canceled"};

JobStory GateThatIs(const std::string& state) {
  JobStory story = JobThatIs("running");
  if (state == "none") return story;
  story.Tell("gate_pause", {.gate = "g"});
  if (state == "pending") return story;
  if (state == "canceled") return std::move(story.Tell("job_canceled").Tell("job_resumed"));
  return std::move(story.Tell("gate_" + state, {.gate = "g"}));
}

TEST(StateMachineTableTest, GatesByTheirEvents) {
  ExpectTable(
      "Gates", TypesThatBeginWith("gate_"), kGateStates, [](const auto& type, const auto& state) {
        JobStory story = GateThatIs(state);
        const std::string codes = Told(story, type, {.gate = "g"});
        const std::string job = ", " + std::string(StatusName(story.state().status)) + codes;
        const GateState* last = story.state().FindGate("g");
        if (last == nullptr) return "none" + job;
        return std::to_string(last->iteration) + " " + std::string(StatusName(last->status)) + job;
      });
}

// --- The document's keys ---

using Json = nlohmann::ordered_json;

void ExpectKeys(const std::string& heading, const Json& object) {
  Cells keys;
  for (const auto& member : object.items()) keys.push_back(member.key());
  Cells documented;
  for (const Cells& row : ReadTable(heading).rows) documented.push_back(row.front());
  EXPECT_EQ(documented, keys) << heading << " (first the document, then the code)";
}

// A job that has something to say for every key.
Json RichJob() {
  JobStory story;
  const std::string gate =
      R"({"prompt":"?","options":["a"],"timeout_seconds":5,"approvers":["b","c"],"required":2,)"
      R"("allow_self":false,"fields":[{"name":"n","type":"number"}]})";
  const std::string decision = R"({"comment":"no","choice":"a","answers":{"n":1}})";
  const std::string created =
      R"({"pipeline":"film","strict":true,"stages":["s","open"],"labels":{"team":"film"}})";
  story.Tell("job_created", {.payload = created})
      .Tell("stage_started", {.stage = "s", .message = "begins"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":1,"total":9,"unit":"x"})"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":2})"})
      .Tell("stage_started", {.stage = "open"})
      .Tell("gate_pause", {.gate = "g", .payload = gate, .actor = "opener"})
      .Tell("gate_rejected", {.gate = "g", .payload = decision, .actor = "b"})
      .Tell("stage_completed", {.stage = "open"});
  // No job has both: one that was created without job_created has neither labels nor stages.
  JobState state = story.state();
  state.implicit_create = true;
  JobStory ended(state);
  ended.Tell("job_failed", {.message = "no more"});
  Json running = Json::parse(EncodeJobState(story.state()));
  Json job = Json::parse(EncodeJobState(ended.state()));
  // Only what runs has an estimate, only what has ended an end.
  job["stages"][0]["progress"]["seconds_left"] = running["stages"][0]["progress"]["seconds_left"];
  return job;
}

TEST(StateMachineTableTest, EveryKeyOfTheDocumentIsDocumented) {
  const Json job = RichJob();
  ExpectKeys("The job document", job);
  ExpectKeys("Keys of a stage", job["stages"][0]);
  ExpectKeys("Keys of a stage's progress", job["stages"][0]["progress"]);
  ExpectKeys("Keys of a gate", job["gates"][0]);
}

// --- Violations ---

TEST(StateMachineTableTest, Violations) {
  Cells codes;
  for (const ViolationTraits& row : AllViolations()) codes.emplace_back(row.code);
  ExpectTable("Violations", codes, {"meaning", "counts"},
              [](const std::string& code, const std::string& column) {
                const auto all = AllViolations();
                const auto row = std::find_if(all.begin(), all.end(), [&](const auto& traits) {
                  return traits.code == code;
                });
                if (column == "counts") return std::string(row->counts ? "yes" : "");
                std::string meaning(row->meaning);
                std::erase(meaning, '`');
                return meaning;
              });
}

}  // namespace
}  // namespace stagelog
