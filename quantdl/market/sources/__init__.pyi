from .csv_folder import load_csv_folder as load_csv_folder
from .frames import panel_from_frame as panel_from_frame
from .lean import load_lean as load_lean
from .loading import load_prices as load_prices
from .parquet import load_parquet as load_parquet
from .sp500 import load_sp500 as load_sp500
