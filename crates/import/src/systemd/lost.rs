//! Keys of units that have no counterpart, with what to do about each.

use crate::given::{Given, Id};

/// Names that mean one thing here, and what is said about them. A name that ends with `*` stands for all that begin so.
const LOST: &[(&[&str], &str)] = &[
    (
        &[
            "ProtectSystem",
            "ProtectHome",
            "PrivateTmp",
            "PrivateDevices",
            "PrivateNetwork",
            "PrivateUsers",
            "PrivateMounts",
            "PrivateIPC",
            "PrivatePIDs",
            "ProtectKernelTunables",
            "ProtectKernelModules",
            "ProtectKernelLogs",
            "ProtectControlGroups",
            "ProtectClock",
            "ProtectHostname",
            "ProtectProc",
            "ProcSubset",
            "ReadWritePaths",
            "ReadOnlyPaths",
            "InaccessiblePaths",
            "ReadWriteDirectories",
            "ReadOnlyDirectories",
            "InaccessibleDirectories",
            "ExecPaths",
            "NoExecPaths",
            "BindPaths",
            "BindReadOnlyPaths",
            "TemporaryFileSystem",
            "MountFlags",
            "MountAPIVFS",
            "MountImages",
            "ExtensionImages",
            "ExtensionDirectories",
            "RootDirectory",
            "RootImage*",
            "RootHash*",
            "RootVerity",
            "RootEphemeral",
            "RestrictAddressFamilies",
            "RestrictNamespaces",
            "RestrictRealtime",
            "RestrictSUIDSGID",
            "RestrictFileSystems",
            "RestrictNetworkInterfaces",
            "LockPersonality",
            "MemoryDenyWriteExecute",
            "SystemCall*",
            "KeyringMode",
            "RemoveIPC",
            "DevicePolicy",
            "DeviceAllow",
            "SecureBits",
            "NetworkNamespacePath",
            "IPCNamespacePath",
            "JoinsNamespaceOf",
            "IPAddressAllow",
            "IPAddressDeny",
            "IPIngressFilterPath",
            "IPEgressFilterPath",
            "BPFProgram",
            "BPFDelegate*",
            "NFTSet",
            "PrivateBPF",
            "UserNamespacePath",
            "SocketBindAllow",
            "SocketBindDeny",
            "AppArmorProfile",
            "SELinuxContext",
            "SmackProcessLabel",
            "CoredumpFilter",
            "Personality",
            "MemoryKSM",
        ],
        "no namespaces, system call filters or labels are set up: the process sees all that its \
            user may see. Where this \
         is what keeps a service safe, leave it with systemd or put it into a container",
    ),
    (
        &["AmbientCapabilities"],
        "no capability is handed to a program that lacks it: give the file its capability \
            (setcap), or open the port with `sockets`",
    ),
    (&["ExecSearchPath"], "set PATH in `environment`, or write the whole path of the program"),
    (&["DynamicUser"], "no user is made for a run: make one, and say `user`"),
    (&["PAMName"], "no PAM session is opened"),
    (
        &[
            "SyslogIdentifier",
            "SyslogFacility",
            "SyslogLevel",
            "SyslogLevelPrefix",
            "LogLevelMax",
            "LogExtraFields",
            "LogRateLimit*",
            "LogNamespace",
            "LogFilterPatterns",
        ],
        "what it prints is in the log of the child (`mainstay logs`), not in syslog or the \
            system's journal",
    ),
    (
        &[
            "TTYPath",
            "TTYReset",
            "TTYVHangup",
            "TTYVTDisallocate",
            "TTYRows",
            "TTYColumns",
            "UtmpIdentifier",
            "UtmpMode",
        ],
        "terminals of the machine are not opened: `terminal: true` makes one of its own",
    ),
    (
        &[
            "OnFailure*",
            "OnSuccess*",
            "FailureAction",
            "SuccessAction",
            "StartLimitAction",
            "*ActionExitStatus",
            "RebootArgument",
        ],
        "no unit is started and nothing is rebooted when it fails: a spent budget raises an \
            alert, and `hooks` run a command or post to an address when it does",
    ),
    (
        &[
            "Slice",
            "Delegate*",
            "DisableControllers",
            "ManagedOOM*",
            "MemoryPressure*",
            "OOMPolicy",
        ],
        "each child has a cgroup of its own below that of the daemon",
    ),
    (
        &[
            "CPUAffinity",
            "CPUScheduling*",
            "NUMA*",
            "AllowedCPUs",
            "AllowedMemoryNodes",
            "StartupAllowedCPUs",
            "TimerSlackNSec",
            "IgnoreSIGPIPE",
            "IODeviceWeight",
            "IORead*",
            "IOWrite*",
            "IODeviceLatencyTargetSec",
            "BlockIO*",
            "CPUShares",
            "StartupCPUShares",
            "CPUQuotaPeriodSec",
            "Startup*",
            "MemoryMin",
            "MemoryLow",
            "MemoryZSwap*",
            "DefaultMemory*",
            "EffectiveMemory*",
        ],
        "not set: start the program behind `taskset`, `chrt` or `env` where it matters; `limits` \
            has memory, cpu, pids and weights",
    ),
    (
        &[
            "LimitRSS",
            "LimitLOCKS",
            "LimitSIGPENDING",
            "LimitMSGQUEUE",
            "LimitNICE",
            "LimitRTPRIO",
            "LimitRTTIME",
        ],
        "`rlimits` has as, core, cpu, data, fsize, memlock, nofile, nproc and stack alone: set \
            it with `prlimit` in front of the command",
    ),
    (
        &["LoadCredential*", "SetCredential*", "ImportCredential"],
        "secrets are variables, not files: `secrets: {NAME: {file: PATH}}`",
    ),
    (
        &["ExecStopPost"],
        "nothing is run after the end of a run: let a sibling with `needs: {child: .., \
            on_restart: restart}` do it",
    ),
    (&["ExecReloadPost"], "nothing is run after a reload"),
    (
        &[
            "FinalKillSignal",
            "WatchdogSignal",
            "RestartKillSignal",
            "SendSIGHUP",
            "TimeoutAbortSec",
            "TimeoutStartFailureMode",
            "TimeoutStopFailureMode",
            "CoredumpReceive",
            "SurviveFinalKillSignal",
        ],
        "a run is ended by the steps of `stop`, and then by force (SIGKILL) alone",
    ),
    (
        &["BusName", "USBFunction*"],
        "nobody waits for a name on D-Bus: it is ready as soon as it has started",
    ),
    (&["NonBlocking"], "say `nonblocking: true` of each of its `sockets`"),
    (
        &[
            "PermissionsStartOnly",
            "RestartMode",
            "ExitType",
            "RootDirectoryStartOnly",
            "Sockets",
            "FileDescriptorStorePreserve",
            "OpenFile",
            "RefreshOnReload",
            "RuntimeRandomizedExtraSec",
            "RuntimeDirectoryPreserve",
            "TimeoutCleanSec",
            "LogsDirectoryQuota*",
            "StateDirectoryQuota*",
            "CacheDirectoryQuota*",
            "StateDirectoryAccounting",
            "CacheDirectoryAccounting",
            "LogsDirectoryAccounting",
            "SetLoginEnvironment",
        ],
        "there is no such setting",
    ),
    (&["Alias", "Also"], "a child has one name; `labels` find it by others"),
    (
        &[
            "DefaultDependencies",
            "IgnoreOnIsolate",
            "IgnoreOnSnapshot",
            "StopWhenUnneeded",
            "RefuseManualStart",
            "RefuseManualStop",
            "AllowIsolate",
            "CollectMode",
            "SurviveFinalKill*",
            "SourcePath",
            "JobTimeout*",
            "JobRunningTimeoutSec",
            "RequiresMountsFor",
            "WantsMountsFor",
            "RequisiteOverridable",
            "RequiresOverridable",
            "DefaultInstance",
            "DebugInvocation",
        ],
        "it orders units of the machine against each other, and the tree has only its own children",
    ),
    (
        &[
            "BindTo",
            "PropagateReload*",
            "PropagatesReloadTo",
            "ReloadPropagatedFrom",
            "PropagatesStopTo",
            "StopPropagatedFrom",
            "Upholds",
            "UpheldBy",
            "Conflicts",
            "Requisite",
        ],
        "no sibling is stopped or reloaded along with it: `needs` with `on_restart`, or a supervisor with a `strategy`, ties ends together",
    ),
    (&["Assert*"], "nothing is asserted before a start: let the command itself fail"),
    (
        &["Condition*"],
        "this condition is not asked: let the command ask, and end with 0 where it has nothing \
            to do",
    ),
];

/// What a socket says of the commands that systemd runs around it.
const OF_COMMANDS: &[&str] = &[
    "CPU*",
    "CacheDirectory*",
    "CapabilityBoundingSet",
    "ConfigurationDirectory*",
    "Environment*",
    "Group",
    "IO*",
    "Kill*",
    "Limit*",
    "LogsDirectory*",
    "Memory*",
    "Nice",
    "NoNewPrivileges",
    "OOMScoreAdjust",
    "PassEnvironment",
    "RuntimeDirectory*",
    "SendSIGKILL",
    "Standard*",
    "StateDirectory*",
    "SupplementaryGroups",
    "TasksMax",
    "UMask",
    "UnsetEnvironment",
    "User",
    "WorkingDirectory",
];

/// Keys that need nothing here.
const MOOT: &[(&[&str], &str)] = &[
    (
        &[
            "CPUAccounting",
            "MemoryAccounting",
            "TasksAccounting",
            "IOAccounting",
            "BlockIOAccounting",
            "IPAccounting",
        ],
        "what a run used is measured in any case",
    ),
    (
        &["PIDFile", "GuessMainPID"],
        "the process that is started is the main one, or says `MAINPID=` itself",
    ),
    (&["Documentation", "X-*"], "for people and other tools; without effect there too"),
];

/// Judges a key that nothing else knows. Returns whether it is one of systemd's.
pub(super) fn judge(section: &str, key: &str, id: Id, given: &mut Given) -> bool {
    if section.starts_with("X-") {
        given.kept(id, "for other tools; without effect there too");
        return true;
    }
    for (names, text) in MOOT {
        if names.iter().any(|name| fits(name, key)) {
            given.kept(id, *text);
            return true;
        }
    }
    if section == "Socket" && OF_COMMANDS.iter().any(|name| fits(name, key)) {
        given.lost(
            id,
            "it is about commands that systemd runs around the socket: none are run here, and the \
                socket is the keeper's",
        );
        return true;
    }
    for (names, text) in LOST {
        if names.iter().any(|name| fits(name, key)) {
            given.lost(id, *text);
            return true;
        }
    }
    false
}

fn fits(name: &str, key: &str) -> bool {
    match (name.strip_suffix('*'), name.strip_prefix('*')) {
        (Some(begin), _) => key.starts_with(begin),
        (None, Some(end)) => key.ends_with(end),
        (None, None) => name == key,
    }
}
