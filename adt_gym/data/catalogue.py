"""What is known of each data set before it is read: its size, its licence, and where to get it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Args:
        name: As `adt_gym.data.load` knows it; the two sets of samples are read by `adt classify`.
        what: What was measured.
        series: Their number, training and test parts counted as two.
        points: Of all series together.
        anomaly_rate: Share of the labelled points that are anomalous.
        licence: Its licence or terms.
        source: Where to get it.
    """

    name: str
    what: str
    series: int | None
    points: int | None
    anomaly_rate: float | None
    licence: str
    source: str


GENERATED = "made by this package"
ITRUST = "on request; may not be passed on"
ITRUST_URL = "https://itrust.sutd.edu.sg/itrust-labs_datasets/"

DATA_SETS = (
    DataSet("yahoo_like", "hourly traffic like Yahoo S5 A1", 67, 94_866, 0.0176, "MIT", GENERATED),
    DataSet("kubernetes", "16 metrics of a cluster, four kinds of anomalies", 1, 20_160, 0.05, "MIT", GENERATED),
    DataSet("kubernetes_samples", "4 metrics of a cluster, samples in no order", 1, 300, 0.05, "MIT", GENERATED),
    DataSet("blobs", "2 features, samples in no order", 1, 300, 0.15, "MIT", GENERATED),
    # H. Ren et al., "Time-Series Anomaly Detection Service at Microsoft", KDD 2019, table 1: 3,896 of 572,966 points.
    DataSet(
        "yahoo", "Webscope S5: real (A1) and synthetic (A2 to A4) traffic", 367, 572_966, 0.0068,
        "for researchers, on request; may not be passed on", "https://webscope.sandbox.yahoo.com",
    ),
    # A. Lavin and S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA 2015: 58 files, 365,551 points;
    # a tenth of each labelled file lies in windows.
    DataSet(
        "nab", "Numenta Anomaly Benchmark: servers, traffic, temperatures", 58, 365_551, 0.1,
        "MIT", "https://github.com/numenta/NAB",
    ),
    # Y. Su et al., KDD 2019 (see smd.py), table 1: 708,405 and 708,420 points of 28 machines, 4.16% of the latter.
    DataSet(
        "smd", "Server Machine Dataset: 38 metrics of 28 servers", 56, 1_416_825, 0.0416,
        "MIT", "https://github.com/NetManAIOps/OmniAnomaly",
    ),
    # 495,000 points (Normal_v1) and 449,919 points (Attack_v0), 54,621 of them in attacks.
    DataSet("swat", "Secure Water Treatment: 51 tags of a plant", 2, 944_919, 0.1214, ITRUST, ITRUST_URL),
    # A1: 1,209,601 and 172,801 points; the attack times of wadi.py hold 9,948 seconds.
    DataSet("wadi", "Water Distribution: 123 tags of a network", 2, 1_382_402, 0.0576, ITRUST, ITRUST_URL),
    # The manual of HAI 21.03: 921,603 points in 3 training files, 402,005 in 5 test files.
    DataSet(
        "hai", "HAI 21.03: 78 tags of boiler, turbine and water", 8, 1_323_608, 0.022,
        "CC BY-SA 4.0", "https://github.com/icsdataset/hai",
    ),
    DataSet("npz", "your .npz file of train, test and test_label", None, None, None, "yours", "your file"),
    DataSet("table", "your CSV or Parquet file or DataFrame", None, None, None, "yours", "your file"),
)  # fmt: skip
