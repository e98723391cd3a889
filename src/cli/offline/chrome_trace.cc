#include "cli/offline/chrome_trace.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/json_value.h"

namespace stagelog::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int kProcess = 1;

struct Slice {
  std::string name;
  std::string category;
  int64_t start_micros = 0;
  int64_t end_micros = 0;
  OrderedJson details;
};

// A thread of the trace: the ends of the slices that are open in it, the innermost last.
struct Lane {
  std::vector<int64_t> open_ends;
};

class Tracer {
 public:
  explicit Tracer(const JobState& state) : state_(state) {}

  std::string Encode(const std::vector<TraceMark>& marks) {
    Name("process_name", 0,
         state_.job_id + (state_.pipeline.empty() ? "" : " · " + state_.pipeline));
    Place(Stages(), "stages");
    Place(Gates(), "gates");
    for (const TraceMark& mark : marks) {
      events_.push_back({{"name", mark.name},
                         {"ph", "i"},
                         {"s", "p"},
                         {"ts", mark.happened_micros},
                         {"pid", kProcess},
                         {"tid", 0}});
    }
    const OrderedJson trace = {{"traceEvents", events_}, {"displayTimeUnit", "ms"}};
    return DumpJson(trace);
  }

 private:
  int64_t EndOr(int64_t micros) const { return micros > 0 ? micros : state_.latest_micros; }

  std::vector<Slice> Stages() const {
    std::vector<Slice> slices;
    for (const StageState& stage : state_.stages) {
      OrderedJson details = {{"attempt", stage.attempt}, {"status", StatusName(stage.status)}};
      if (!stage.message.empty()) details["message"] = stage.message;
      const std::string attempt = stage.attempt > 1 ? " #" + std::to_string(stage.attempt) : "";
      slices.push_back({stage.path + attempt, "stage", stage.started_micros,
                        EndOr(stage.ended_micros), std::move(details)});
    }
    return slices;
  }

  std::vector<Slice> Gates() const {
    std::vector<Slice> slices;
    for (const GateState& gate : state_.gates) {
      OrderedJson details = {{"iteration", gate.iteration}, {"status", StatusName(gate.status)}};
      if (!gate.prompt.empty()) details["prompt"] = gate.prompt;
      if (!gate.decided_by.empty()) details["decided_by"] = gate.decided_by;
      slices.push_back({"waiting: " + gate.name, "gate", gate.opened_micros,
                        EndOr(gate.decided_micros), std::move(details)});
    }
    return slices;
  }

  // The longest first where several begin together, so that what lies within comes later.
  void Place(std::vector<Slice> slices, const std::string& lane_name) {
    std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
      if (a.start_micros != b.start_micros) return a.start_micros < b.start_micros;
      return a.end_micros > b.end_micros;
    });
    std::vector<Lane> lanes;
    const int first_thread = next_thread_;
    for (const Slice& slice : slices) {
      size_t index = 0;
      while (index < lanes.size() && !Fits(lanes[index], slice)) ++index;
      if (index == lanes.size()) {
        lanes.emplace_back();
        Name("thread_name", next_thread_++,
             lane_name + (index == 0 ? "" : " " + std::to_string(index + 1)));
      }
      lanes[index].open_ends.push_back(slice.end_micros);
      Add(slice, first_thread + static_cast<int>(index));
    }
  }

  static bool Fits(Lane& lane, const Slice& slice) {
    while (!lane.open_ends.empty() && lane.open_ends.back() <= slice.start_micros) {
      lane.open_ends.pop_back();
    }
    return lane.open_ends.empty() || slice.end_micros <= lane.open_ends.back();
  }

  void Add(const Slice& slice, int thread) {
    events_.push_back({{"name", slice.name},
                       {"cat", slice.category},
                       {"ph", "X"},
                       {"ts", slice.start_micros},
                       {"dur", std::max<int64_t>(slice.end_micros - slice.start_micros, 0)},
                       {"pid", kProcess},
                       {"tid", thread},
                       {"args", slice.details}});
  }

  void Name(const char* what, int thread, const std::string& name) {
    events_.push_back({{"name", what},
                       {"ph", "M"},
                       {"pid", kProcess},
                       {"tid", thread},
                       {"args", {{"name", name}}}});
  }

  const JobState& state_;
  OrderedJson events_ = OrderedJson::array();
  int next_thread_ = 1;
};

}  // namespace

std::string EncodeChromeTrace(const JobState& state, const std::vector<TraceMark>& marks) {
  return Tracer(state).Encode(marks);
}

}  // namespace stagelog::cli
