#include "core/stage_tree.h"

namespace stagelog {
namespace {

std::string_view ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

}  // namespace

int64_t StageTree::Node::Done() const {
  if (own) return *own;
  return children == 0 ? 0 : children_done / children;
}

StageTree::Node* StageTree::Find(std::string_view path) {
  const auto found = nodes_.find(std::string(path));
  return found == nodes_.end() ? nullptr : &found->second;
}

StageTree::Node& StageTree::FindOrAdd(std::string_view path) {
  if (Node* node = Find(path)) return *node;
  if (!path.empty()) {
    const std::string_view parent_path = ParentOf(path);
    Node& parent = FindOrAdd(parent_path);
    const int64_t before = parent.Done();
    ++parent.children;
    UpdateParent(parent_path, before, parent.Done());
  }
  return nodes_[std::string(path)];
}

void StageTree::UpdateParent(std::string_view path, int64_t before, int64_t after) {
  if (path.empty() || before == after) return;
  const std::string_view parent_path = ParentOf(path);
  Node& parent = *Find(parent_path);
  const int64_t parent_before = parent.Done();
  parent.children_done += after - before;
  UpdateParent(parent_path, parent_before, parent.Done());
}

void StageTree::Declare(std::string_view path) { FindOrAdd(path); }

std::optional<size_t> StageTree::LastAttempt(std::string_view path) const {
  const auto found = nodes_.find(std::string(path));
  return found == nodes_.end() ? std::nullopt : found->second.last_attempt;
}

void StageTree::SetLastAttempt(std::string_view path, size_t index) {
  FindOrAdd(path).last_attempt = index;
}

void StageTree::SetDone(std::string_view path, std::optional<int64_t> done) {
  Node& node = FindOrAdd(path);
  const int64_t before = node.Done();
  node.own = done;
  UpdateParent(path, before, node.Done());
}

int64_t StageTree::Done() const {
  const auto job = nodes_.find("");
  return job == nodes_.end() ? 0 : job->second.Done();
}

}  // namespace stagelog
