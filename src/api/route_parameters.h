// The parameters of queries that each route knows: the only list of them. The route table has them
// checked; src/api/openapi.json describes them.
#ifndef STAGELOG_API_ROUTE_PARAMETERS_H_
#define STAGELOG_API_ROUTE_PARAMETERS_H_

#include <array>
#include <string_view>

namespace stagelog {

inline constexpr std::array<std::string_view, 8> kJobListParameters = {
    // `before` is the older spelling of `after`: what comes after a job in the list is older.
    "status", "pipeline", "label", "since", "q", "limit", "after", "before"};
// May be given several times.
inline constexpr std::string_view kRepeatableParameter = "label";
inline constexpr std::array<std::string_view, 2> kJobParameters = {"at_seq", "at"};
inline constexpr std::array<std::string_view, 3> kGateParameters = {"at_seq", "at", "wait"};
inline constexpr std::array<std::string_view, 3> kGateListParameters = {"status", "limit", "after"};
inline constexpr std::array<std::string_view, 10> kPollParameters = {
    "after", "since", "limit", "type", "stage", "level", "job", "q", "wait", "format"};
inline constexpr std::array<std::string_view, 14> kStreamParameters = {"last_event_id",
                                                                       "lastEventId",
                                                                       "evs_last_event_id",
                                                                       "after",
                                                                       "since",
                                                                       "journal",
                                                                       "named",
                                                                       "format",
                                                                       "until",
                                                                       "type",
                                                                       "stage",
                                                                       "level",
                                                                       "job",
                                                                       "q"};
inline constexpr std::array<std::string_view, 1> kRetentionParameters = {"dry_run"};
inline constexpr std::array<std::string_view, 3> kDeliveryParameters = {"status", "limit", "after"};
inline constexpr std::array<std::string_view, 1> kBackupParameters = {"to"};

}  // namespace stagelog

#endif  // STAGELOG_API_ROUTE_PARAMETERS_H_
