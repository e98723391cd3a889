// The members of an object within a foreign event, by name.
#ifndef STAGELOG_CORE_DIALECT_MEMBER_LOOKUP_H_
#define STAGELOG_CORE_DIALECT_MEMBER_LOOKUP_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/draft_decoder.h"
#include "core/json_object_reader.h"

namespace stagelog {

class MemberLookup {
 public:
  explicit MemberLookup(std::vector<JsonMember> members) : members_(std::move(members)) {}

  // Empty where `object` is null or no object.
  explicit MemberLookup(const JsonMember* object) {
    if (object == nullptr || object->kind != JsonMember::Kind::kObject) return;
    if (auto members = ReadJsonObject(object->raw, kMaxJsonDepth)) members_ = std::move(*members);
  }

  // The first of that name; null when there is none.
  const JsonMember* Find(std::string_view key) const {
    for (const JsonMember& member : members_) {
      if (member.key == key) return &member;
    }
    return nullptr;
  }

  // The members of the object of that name.
  MemberLookup In(std::string_view key) const { return MemberLookup(Find(key)); }

  // Empty where it is no text.
  std::string Text(std::string_view key) const {
    const JsonMember* member = Find(key);
    return member == nullptr ? "" : member->text;
  }

 private:
  std::vector<JsonMember> members_;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_MEMBER_LOOKUP_H_
