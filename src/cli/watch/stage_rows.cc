#include "cli/watch/stage_rows.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "cli/foreign_text.h"
#include "client/json_member.h"

namespace stagelog::cli {
namespace {

// One path, with everything below it.
struct StageNode {
  std::string name;
  std::vector<const Json*> attempts;
  std::vector<size_t> children;  // in the order of their beginning
};

// A forest in one vector; element 0 stands above all paths.
class StageForest {
 public:
  StageForest() : nodes_(1) {}

  void Add(const Json& attempt) {
    const std::string path = TextAt(attempt, "stage");
    size_t node = 0;
    for (size_t from = 0; from <= path.size();) {
      const size_t end = std::min(path.find('/', from), path.size());
      node = ChildAt(node, path.substr(0, end), path.substr(from, end - from));
      from = end + 1;
    }
    nodes_[node].attempts.push_back(&attempt);
  }

  // In the order of drawing. Not recursive: a path may have many parts.
  std::vector<StageRow> Rows() const {
    std::vector<StageRow> rows;
    std::vector<std::pair<size_t, size_t>> waiting = {{0, 0}};  // node, depth of its children
    while (!waiting.empty()) {
      const auto [node, depth] = waiting.back();
      waiting.pop_back();
      if (node != 0) AppendRows(nodes_[node], depth - 1, rows);
      const std::vector<size_t>& children = nodes_[node].children;
      for (auto child = children.rbegin(); child != children.rend(); ++child) {
        waiting.emplace_back(*child, depth + 1);
      }
    }
    return rows;
  }

 private:
  size_t ChildAt(size_t parent, const std::string& path, const std::string& name) {
    const auto [found, is_new] = by_path_.try_emplace(path, nodes_.size());
    if (is_new) {
      nodes_[parent].children.push_back(nodes_.size());
      nodes_.push_back({.name = name});
    }
    return found->second;
  }

  static void AppendRows(const StageNode& node, size_t depth, std::vector<StageRow>& rows) {
    const std::string name = OneLine(node.name);
    if (node.attempts.empty()) rows.push_back({depth, name, nullptr});
    for (const Json* attempt : node.attempts) {
      const int64_t number = IntegerAt(*attempt, "attempt", 1);
      rows.push_back({depth, number > 1 ? name + " #" + std::to_string(number) : name, attempt});
    }
  }

  std::vector<StageNode> nodes_;
  std::map<std::string, size_t> by_path_;
};

// What must not be left out comes first.
int RankOf(const StageRow& row) {
  const std::string status = TextAt(*row.attempt, "status");
  return status == "running" ? 0 : status == "failed" ? 1 : status == "pending" ? 3 : 2;
}

// Rows without an attempt stay only where something below them does.
void KeepParents(const std::vector<StageRow>& rows, std::vector<bool>& kept) {
  size_t wanted_depth = 0;  // a parent is wanted when it stands at a smaller depth than this
  for (size_t i = rows.size(); i-- > 0;) {
    if (rows[i].attempt == nullptr) kept[i] = rows[i].depth < wanted_depth;
    if (kept[i]) wanted_depth = rows[i].depth;
    if (rows[i].depth < wanted_depth) wanted_depth = rows[i].depth;
  }
}

}  // namespace

std::vector<StageRow> OrderStages(const Json& stages) {
  StageForest forest;
  for (const Json& stage : stages) {
    if (stage.is_object()) forest.Add(stage);
  }
  return forest.Rows();
}

std::vector<StageRow> SelectStages(const std::vector<StageRow>& rows, size_t max_attempts) {
  std::vector<size_t> candidates;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].attempt != nullptr) candidates.push_back(i);
  }
  if (candidates.size() <= max_attempts) return rows;
  // Elements of one array, whose addresses grow in the order of their beginning.
  std::stable_sort(candidates.begin(), candidates.end(), [&](size_t a, size_t b) {
    const int rank_a = RankOf(rows[a]);
    const int rank_b = RankOf(rows[b]);
    return rank_a != rank_b ? rank_a < rank_b : rows[a].attempt > rows[b].attempt;
  });
  std::vector<bool> kept(rows.size(), false);
  for (size_t i = 0; i < max_attempts; ++i) kept[candidates[i]] = true;
  KeepParents(rows, kept);
  std::vector<StageRow> selected;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (kept[i]) selected.push_back(rows[i]);
  }
  return selected;
}

}  // namespace stagelog::cli
